# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings Anny bodies of any shape from their A-pose into one T-pose, in SMPL's axes.

Anny's axes (x left, y back, z up) hold up to the last step. Bones carry rotations in space; each
bone's rotation is chosen from the sample's own joint positions, so that limbs come out equally
straight whatever the shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from .geometry import Array, about_axis, align_rotation, twist_angle, unit
from .joint_map import JointMap
from .rig_dump import RigDump

CLAVICLE_RAISE = np.deg2rad(10.0)
SHOULDER_RAISE = np.deg2rad(18.0)
THIGH_DIRECTION = (0.06, -0.03, -1.0)  # of the left leg; the right one is its mirror image
SHIN_DIRECTION = (-0.01, 0.05, -1.0)
SMPL_FROM_ANNY = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
_BACK = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class PosedSamples:
    """Samples in T-pose, SMPL's axes, metres: vertices [S,V,3] and joints [S,24,3]."""

    vertices: Array
    joints: Array


class _Bones:
    """Bone heads [S,bones,3] of one side by their label without the suffix."""

    def __init__(self, labels: list[str], heads: Array, suffix: str) -> None:
        self.labels, self.heads, self.suffix = labels, heads, suffix

    def index(self, name: str) -> int:
        return self.labels.index(name + self.suffix)

    def starting_with(self, *prefixes: str) -> list[int]:
        return [
            i
            for i, label in enumerate(self.labels)
            if label.startswith(prefixes) and label.endswith(self.suffix)
        ]

    def between(self, start: str, end: str) -> Array:
        """Vectors [S,3] from one bone's head to another's."""
        return self.heads[:, self.index(end)] - self.heads[:, self.index(start)]


def t_pose_rotations(labels: list[str], heads: Array) -> Array:
    """Rotations in space [S,bones,3,3] that take heads [S,bones,3] of the A-pose to the T-pose."""
    rotations = np.tile(np.eye(3), (len(heads), len(labels), 1, 1))
    for suffix, side in ((".L", 1.0), (".R", -1.0)):
        bones = _Bones(labels, heads, suffix)
        _pose_arm(rotations, bones, side)
        _pose_leg(rotations, bones, side)
    return rotations


def _pose_arm(rotations: Array, bones: _Bones, side: float) -> None:
    """Arm along x, palm down; the forearm's last half takes half of the wrist's twist."""
    outward = np.array([side, 0.0, 0.0])
    shoulder = about_axis(_BACK, -side * SHOULDER_RAISE)
    rotations[:, bones.index("clavicle")] = about_axis(_BACK, -side * CLAVICLE_RAISE)
    rotations[:, bones.index("shoulder01")] = shoulder
    upper_arm = bones.between("upperarm01", "lowerarm01")
    upper = align_rotation(upper_arm @ shoulder.T, outward) @ shoulder
    forearm = np.einsum("nij,nj->ni", upper, bones.between("lowerarm01", "wrist"))
    lower = align_rotation(forearm, outward) @ upper
    hand = _hand_rotations(bones, outward)
    twist = twist_angle(hand @ lower.transpose(0, 2, 1), outward)
    rotations[:, [bones.index("upperarm01"), bones.index("upperarm02")]] = upper[:, None]
    rotations[:, bones.index("lowerarm01")] = lower
    rotations[:, bones.index("lowerarm02")] = about_axis(outward, twist / 2) @ lower
    rotations[:, bones.starting_with("wrist", "metacarpal", "finger")] = hand[:, None]


def _hand_rotations(bones: _Bones, outward: Array) -> Array:
    """Rotations [S,3,3] that lay the hand flat: fingers outward, forefinger to the front."""
    knuckles = bones.between("wrist", "finger3-1") + bones.between("wrist", "finger4-1")
    along = unit(knuckles)
    across = bones.between("finger2-1", "finger5-1")
    across = unit(across - np.sum(across * along, axis=1, keepdims=True) * along)
    frame = np.stack([along, across, np.cross(along, across)], axis=-1)
    wanted = np.stack([outward, _BACK, np.cross(outward, _BACK)], axis=-1)
    return wanted @ frame.transpose(0, 2, 1)


def _pose_leg(rotations: Array, bones: _Bones, side: float) -> None:
    """Legs down and a little apart; feet stay flat."""
    mirror = np.array([side, 1.0, 1.0])
    thigh = align_rotation(bones.between("upperleg01", "lowerleg01"), THIGH_DIRECTION * mirror)
    shin = np.einsum("nij,nj->ni", thigh, bones.between("lowerleg01", "foot"))
    lower = align_rotation(shin, SHIN_DIRECTION * mirror) @ thigh
    rotations[:, bones.starting_with("upperleg")] = thigh[:, None]
    rotations[:, bones.starting_with("lowerleg")] = lower[:, None]


def posed_heads(heads: Array, rotations: Array, parents: Array) -> Array:
    """Bone heads [S,bones,3] after the bones above them turned; parents come first."""
    posed = heads.copy()
    for bone, parent in enumerate(parents):
        if parent >= 0:
            offset = heads[:, bone] - heads[:, parent]
            turned = np.einsum("nij,nj->ni", rotations[:, parent], offset)
            posed[:, bone] = posed[:, parent] + turned
    return posed


def t_posed_samples(dump: RigDump, joints: JointMap) -> PosedSamples:
    """Every sample of the dump in T-pose."""
    labels = [str(label) for label in dump.labels]
    shape = np.tensordot(dump.coefficients.astype(np.float64), dump.head_shapes, axes=1)
    heads = dump.heads + shape
    rotations = t_pose_rotations(labels, heads)
    posed = posed_heads(heads, rotations, dump.parents)
    weights = csr_matrix(dump.weights, dtype=np.float64)
    vertices = np.empty((len(heads), *dump.vertices.shape), np.float32)
    for sample, coefficients in enumerate(dump.coefficients):
        shaped = dump.vertices + np.tensordot(coefficients, dump.shapes, axes=1)
        offset = posed[sample] - np.einsum("bij,bj->bi", rotations[sample], heads[sample])
        skinned = skin(shaped, weights, rotations[sample], offset)
        vertices[sample] = skinned @ SMPL_FROM_ANNY.T
    return PosedSamples(vertices, (joints.heads @ posed) @ SMPL_FROM_ANNY.T)


def skin(vertices: Array, weights: csr_matrix, rotations: Array, offsets: Array) -> Array:
    """Linear blend skinning: vertices [V,3], weights [V,B], rotations [B,3,3], offsets [B,3]."""
    blended = blended_rotations(weights, rotations)
    return np.einsum("vij,vj->vi", blended, vertices) + weights @ offsets


def blended_rotations(weights: csr_matrix, rotations: Array) -> Array:
    """Each vertex's weighted mean [V,3,3] of the bones' rotations."""
    return (weights @ rotations.reshape(-1, 9)).reshape(-1, 3, 3)
