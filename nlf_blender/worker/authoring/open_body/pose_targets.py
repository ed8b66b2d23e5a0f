# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pose correctives aim at: the full rig's twist bones, skinned with dual quaternions.

Plain blending over 24 joints collapses twisted limbs and loses volume in bent ones. The target
turns all of Anny's bones with their joint, spreads axial twist along each limb over its two bones,
and blends dual quaternions, which keeps volume.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from ....body.kinematics import global_transforms, skinning_transforms
from ....body.rotations import matrix_from_rotvec, quaternion_from_matrix
from ....body.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS
from .geometry import Array, about_axis, twist_angle, unit
from .t_pose import blended_rotations, skin

# Standard deviations of the random poses' rotation vectors, radians.
LIMB_SPREAD, SMALL_SPREAD, OTHER_SPREAD = 0.6, 0.2, 0.3
LIMBS = ("Hip", "Knee", "Shoulder", "Elbow")
SMALL = ("Hand", "Foot", "Spine1", "Spine2", "Spine3", "Collar")

# (joint, joint at the limb's other end, bone): the bone follows the joint but for half its twist.
ROOT_TWISTS = (("Shoulder", "Elbow", "upperarm01"), ("Hip", "Knee", "upperleg01"))
# (joint, joint at the limb's other end, bone): the bone takes half the twist of the joint below.
END_TWISTS = (("Wrist", "Elbow", "lowerarm02"), ("Ankle", "Knee", "lowerleg02"))


def random_poses(count: int, seed: int) -> Array:
    """Rotations [N,24,3,3] relative to the parent; the pelvis stays."""
    spread = np.array([_spread(name) for name in SMPL_JOINT_NAMES])
    vectors = np.random.default_rng(seed).normal(size=(count, len(spread), 3))
    return matrix_from_rotvec(vectors * spread[:, None])


def _spread(joint_name: str) -> float:
    if joint_name == "Pelvis":
        return 0.0
    if joint_name.endswith(LIMBS):
        return LIMB_SPREAD
    return SMALL_SPREAD if joint_name.endswith(SMALL) else OTHER_SPREAD


@dataclass(frozen=True)
class PoseTarget:
    """The rest body and both ways to pose it.

    template [V,3]; joints [24,3]; weights [V,24] and bone_weights [V,bones]; owner [bones]: the
    joint of each bone; labels: the bones' names.
    """

    template: Array
    joints: Array
    weights: csr_matrix
    bone_weights: csr_matrix
    owner: Array
    labels: list[str]

    def blended(self, local: Array) -> tuple[Array, Array]:
        """Plain blending of a pose [24,3,3]: vertices [V,3], blended rotations [V,3,3]."""
        transforms = self._joint_transforms(local)
        rotations, offsets = transforms[:, :3, :3], transforms[:, :3, 3]
        posed = skin(self.template, self.weights, rotations, offsets)
        return posed, blended_rotations(self.weights, rotations)

    def target(self, local: Array) -> Array:
        """Vertices [V,3] of a pose [24,3,3] with spread twist and dual quaternions."""
        placed = self._placed(local)
        rotations = placed[self.owner, :3, :3].copy()
        self._spread_twist(rotations, placed[:, :3, :3], local)
        pivot = self.joints[self.owner]
        offsets = placed[self.owner, :3, 3] - np.einsum("bij,bj->bi", rotations, pivot)
        return dual_quaternion_skin(self.template, self.bone_weights, rotations, offsets)

    def _placed(self, local: Array) -> Array:
        return global_transforms(local, self.joints, SMPL_PARENTS, np.zeros(3))

    def _joint_transforms(self, local: Array) -> Array:
        return skinning_transforms(self._placed(local), self.joints)

    def _spread_twist(self, rotations: Array, placed: Array, local: Array) -> None:
        """Replaces the rotations [bones,3,3] of the limbs' twist bones."""
        for joint, bone, axis, frame, share in self._twist_bones:
            angle = twist_angle(local[joint][None], axis)[0]
            rotations[bone] = placed[frame] @ about_axis(axis, share * angle)

    @cached_property
    def _twist_bones(self) -> list[tuple[int, int, Array, int, float]]:
        """Of each twist bone: the joint it looks at, itself, the axis, the joint whose frame it
        starts from, and the share of the twist added to that frame."""
        found = []
        for side in "LR":
            index = {
                name[2:]: i for i, name in enumerate(SMPL_JOINT_NAMES) if name[:2] == f"{side}_"
            }
            for joint, far, bone in ROOT_TWISTS:
                axis = unit(self.joints[index[far]] - self.joints[index[joint]])
                bone_index = self.labels.index(f"{bone}.{side}")
                found.append((index[joint], bone_index, axis, index[joint], -0.5))
            for joint, near, bone in END_TWISTS:
                axis = unit(self.joints[index[joint]] - self.joints[index[near]])
                bone_index = self.labels.index(f"{bone}.{side}")
                found.append((index[joint], bone_index, axis, index[near], 0.5))
        return found


def dual_quaternion_skin(
    vertices: Array, weights: csr_matrix, rotations: Array, offsets: Array
) -> Array:
    """Skinning by blended dual quaternions (Kavan et al. 2007).

    vertices [V,3], weights [V,B], rotations [B,3,3], offsets [B,3] in metres.
    """
    real = quaternion_from_matrix(rotations)
    scalar, vector = real[:, :1], real[:, 1:]
    dual_scalar = -np.sum(offsets * vector, axis=1, keepdims=True) / 2
    dual_vector = (scalar * offsets + np.cross(offsets, vector)) / 2
    blended = _one_sided(weights, real) @ np.hstack([real, dual_scalar, dual_vector])
    blended /= np.linalg.norm(blended[:, :4], axis=1, keepdims=True)
    scalar, vector = blended[:, :1], blended[:, 1:4]
    dual_scalar, dual_vector = blended[:, 4:5], blended[:, 5:]
    turned = vertices + 2 * np.cross(vector, np.cross(vector, vertices) + scalar * vertices)
    shift = scalar * dual_vector - dual_scalar * vector + np.cross(vector, dual_vector)
    return turned + 2 * shift


def _one_sided(weights: csr_matrix, quaternions: Array) -> csr_matrix:
    """Weights with the sign that brings every bone's quaternion to the side of the strongest's.

    q and -q are the same rotation; their blend is none.
    """
    strongest = np.asarray(weights.argmax(axis=1)).ravel()
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    agreement = np.sum(quaternions[strongest[rows]] * quaternions[weights.indices], axis=1)
    signed = weights.data * np.where(agreement < 0, -1.0, 1.0)
    return csr_matrix((signed, weights.indices, weights.indptr), shape=weights.shape)
