# SPDX-License-Identifier: GPL-3.0-or-later
"""posedirs: vertex offsets, linear in the joints' rotations, that correct plain blending."""

from __future__ import annotations

import numpy as np

from ....body.skeleton import SMPL_PARENTS, SMPL_SKELETON
from .geometry import MIRROR, Array
from .pose_targets import PoseTarget, random_poses

FITTING_POSES, HELD_OUT_POSES = 2400, 300
FITTING_SEED, HELD_OUT_SEED = 3, 4
RIDGE = 1.0
DAMPING = 1e-2
CHUNK = 60
INFLUENCE = 1e-3


def pose_features(local: Array) -> Array:
    """SMPL's pose features [N,207]: all joints' rotations [N,24,3,3] but the root's, less 1."""
    return (local[:, 1:] - np.eye(3)).reshape(len(local), -1)


def reachable_joints(weights: Array) -> Array:
    """Which joints [V,24] may correct a vertex: those it hangs on and their direct neighbours."""
    count = len(SMPL_PARENTS)
    near = np.eye(count, dtype=bool)
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            near[joint, parent] = near[parent, joint] = True
    return (weights > INFLUENCE) @ near


def fit_pose_correctives(target: PoseTarget, poses: int = FITTING_POSES) -> Array:
    """posedirs [V,3,207] by ridge regression of the target's offsets in the unposed frame."""
    local = random_poses(poses, FITTING_SEED)
    features = pose_features(local)
    products = np.zeros((features.shape[1], target.template.size))
    for start in range(0, poses, CHUNK):
        part = slice(start, start + CHUNK)
        offsets = np.stack([_unposed_offset(target, pose) for pose in local[part]])
        products += features[part].T @ offsets.reshape(len(offsets), -1)
    gram = features.T @ features + RIDGE * np.eye(features.shape[1])
    products = products.reshape(features.shape[1], -1, 3)
    return _solve_by_reach(gram, products, reachable_joints(target.weights.toarray()))


def _unposed_offset(target: PoseTarget, pose: Array) -> Array:
    """Offsets [V,3] of the rest body that blending would carry to the target.

    Blended rotations shrink where joints bend far; damping keeps their inverse bounded.
    """
    blended, matrices = target.blended(pose)
    gap = target.target(pose) - blended
    normal = matrices.transpose(0, 2, 1) @ matrices + DAMPING * np.eye(3)
    right = np.einsum("vji,vj->vi", matrices, gap)
    return np.linalg.solve(normal, right[..., None])[..., 0]


def _solve_by_reach(gram: Array, products: Array, reachable: Array) -> Array:
    """Solves the normal equations once per set of reachable joints; others' entries stay zero."""
    posedirs = np.zeros((products.shape[1], 3, len(gram)))
    patterns, pattern_of = np.unique(reachable[:, 1:], axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        used = np.flatnonzero(np.repeat(pattern, 9))
        members = np.flatnonzero(pattern_of.ravel() == index)
        right = products[np.ix_(used, members)].reshape(len(used), -1)
        solved = np.linalg.solve(gram[np.ix_(used, used)], right)
        solved = solved.reshape(len(used), len(members), 3)
        posedirs[np.ix_(members, np.arange(3), used)] = solved.transpose(1, 2, 0)
    return posedirs


def mirrored_correctives(posedirs: Array, mirror: Array) -> Array:
    """The posedirs [V,3,207] of the mirror image."""
    joints = np.array(SMPL_SKELETON.mirrored()[1:]) - 1
    by_joint = posedirs.reshape(len(posedirs), 3, len(joints), 3, 3)
    signs = MIRROR[:, None, None, None] * MIRROR[:, None] * MIRROR
    flipped = by_joint[mirror][:, :, joints] * signs.astype(posedirs.dtype)
    return flipped.reshape(posedirs.shape)


def corrective_gaps(target: PoseTarget, posedirs: Array, poses: int = HELD_OUT_POSES) -> Array:
    """Mean distance in metres [2] from the target, plain and corrected, over held-out poses."""
    local = random_poses(poses, HELD_OUT_SEED)
    features = pose_features(local)
    basis = posedirs.reshape(-1, features.shape[1]).astype(np.float32)
    gaps = np.zeros(2)
    for pose, feature in zip(local, features, strict=True):
        blended, matrices = target.blended(pose)
        gap = target.target(pose) - blended
        offset = (basis @ feature.astype(np.float32)).reshape(-1, 3)
        rest = gap - np.einsum("vij,vj->vi", matrices, offset)
        gaps += np.linalg.norm(gap, axis=1).mean(), np.linalg.norm(rest, axis=1).mean()
    return gaps / poses
