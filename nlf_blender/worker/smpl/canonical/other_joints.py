# SPDX-License-Identifier: GPL-3.0-or-later
"""A body in canonical pose as it is when it turns about another body's joints.

Where two bodies have their hips and collars at other places, spreading the legs and raising the
arms by the same angles moves the same skin by centimetres more or less. So a body is matched at
rest, and then posed about the joints of the body whose canonical space it shall be in.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ....body.arrays import Float64Array
from ....body.kinematics import (
    apply_transforms,
    blended_transforms,
    global_transforms,
    skinning_transforms,
)
from ....body.rotations import matrix_from_rotvec
from ....body.skeleton import Skeleton
from ..conversion.body_regions import joint_regions
from ..conversion.joint_matching import same_joints
from .canonical_pose import canonical_turns
from .own_canonical import OwnCanonical


def rest_joints_of(skeleton: Skeleton, canonical: Float64Array) -> Float64Array:
    """Joints [J,3] at rest of a skeleton whose joints in canonical pose are these [J,3]."""
    turned = _orientations(skeleton)
    rest = canonical.copy()
    for joint in skeleton.depth_order():
        parent = skeleton.parents[joint]
        if parent >= 0:
            bone = canonical[joint] - canonical[parent]
            rest[joint] = rest[parent] + turned[parent].T @ bone
    return rest


class OtherJoints:
    """The canonical pose about the rest joints [Jt,3] of another skeleton, for a body's vertices by
    their own weights."""

    def __init__(self, own: OwnCanonical, skeleton: Skeleton, rest: Float64Array) -> None:
        pairs = np.array(same_joints(own.body.skeleton, skeleton), dtype=np.int64)
        rotations = matrix_from_rotvec(canonical_turns(skeleton))
        placed = global_transforms(rotations, rest, skeleton.parents, np.zeros(3))
        moves = skinning_transforms(placed, rest)
        # a joint that the other body lacks moves with the nearest one above that it has
        region = joint_regions(own.body.skeleton, pairs[:, 0])
        self._moves = blended_transforms(own.body.weights, moves[pairs[region, 1]])

    def posed(self, vertices: Float64Array) -> Float64Array:
        """Vertices [V,3] at rest, in canonical pose."""
        return apply_transforms(self._moves, vertices)

    def unposed(self, points: Float64Array, rest: Float64Array) -> Float64Array:
        """Points [N,3] near the body in canonical pose, at rest: each moves as the nearest of the
        vertices does, which are at rest [V,3] there."""
        moves = self._moves[cKDTree(self.posed(rest)).query(points)[1]]
        offsets = (points - moves[:, :3, 3])[..., None]
        return np.linalg.solve(moves[:, :3, :3], offsets)[..., 0]


def _orientations(skeleton: Skeleton) -> Float64Array:
    rotations = matrix_from_rotvec(canonical_turns(skeleton))
    zeros = np.zeros((skeleton.joint_count, 3))
    return global_transforms(rotations, zeros, skeleton.parents, np.zeros(3))[:, :3, :3]
