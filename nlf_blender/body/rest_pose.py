# SPDX-License-Identifier: GPL-3.0-or-later
"""The pose that an armature and its mesh rest in: the body template's T, or an A.

A rest other than the template's is the template posed by linear blend skinning. What it carries
along: joints, vertices, and whatever is added to vertices (`RestPose.carried_offsets`). Poses of
the body stay relative to the template; `RestPose.from_rest` makes them relative to the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .arrays import Float64Array, FloatArray
from .body_data import BodyData
from .kinematics import (
    apply_transforms,
    blended_transforms,
    global_transforms,
    skinning_transforms,
)
from .rotations import matrix_from_rotvec

RestKind = Literal["T", "A"]

ARMS_BELOW_LEVEL_DEGREES = 45.0  # in the A
FORWARD = np.array([0.0, 0.0, 1.0])  # SMPL's axes
SHOULDERS = (("L_Shoulder", "L_Elbow"), ("R_Shoulder", "R_Elbow"))
# Where joints turn against each other by nearly half a turn, as an arm stretched up does from an A,
# the mean of their transforms flattens space and has no useful inverse: offsets would be metres
# long and fly about with the next change of the pose. Directions squeezed by more than this stay as
# they are.
LEAST_STRETCH = 0.05


@dataclass(frozen=True, eq=False)
class RestPose:
    """A rest for one person, in SMPL's axes; metres, or what the person's scale makes of them.

    rotations [J,3,3]: the joints' from the template, relative to the parent; turns [J,3,3]: the
    same in space; transforms [J,4,4]: from the template to the rest; blends [V,3,4]: their mean
    at each vertex.
    """

    rotations: Float64Array
    turns: Float64Array
    transforms: Float64Array
    blends: Float64Array

    @property
    def moves(self) -> bool:
        """Whether the rest is another than the template's."""
        return not np.array_equal(self.rotations, np.broadcast_to(np.eye(3), self.rotations.shape))

    def carried_points(self, points: FloatArray) -> Float64Array:
        """Where points [V,3] at the template's vertices are at rest."""
        return apply_transforms(self.blends, points)

    def carried_offsets(self, offsets: FloatArray) -> Float64Array:
        """Offsets [V,3] of the template's vertices, as they are at rest."""
        return (self.blends[:, :, :3] @ np.asarray(offsets)[..., None])[..., 0]

    def from_rest(self, rotations: Float64Array, parents: tuple[int, ...]) -> Float64Array:
        """Joints' rotations [...,J,3,3] from the template, relative to the parent, as the rotations
        from the rest that lead to the same."""
        above = self.turns[[max(parent, 0) for parent in parents]]
        above[parents.index(-1)] = np.eye(3)
        return above @ rotations @ np.swapaxes(self.turns, -1, -2)


def rest_rotations(body: BodyData, kind: RestKind) -> Float64Array:
    """Rotations [J,3,3] from the template to the rest, relative to the parent.

    A: the shoulders turn about the forward axis until the mean body's upper arms hang
    ARMS_BELOW_LEVEL_DEGREES below the level. A body without SMPL's shoulders rests as it is.
    """
    rotations = np.tile(np.eye(3), (body.joint_count, 1, 1))
    names, places = body.skeleton.joint_names, body.joints_template
    if kind == "T":
        return rotations
    for shoulder, elbow in SHOULDERS:
        if shoulder not in names or elbow not in names:
            continue
        arm = places[names.index(elbow)] - places[names.index(shoulder)]
        side = np.sign(arm[0])
        below = np.arctan2(-arm[1], abs(arm[0]))
        lowering = np.radians(ARMS_BELOW_LEVEL_DEGREES) - below
        rotations[names.index(shoulder)] = matrix_from_rotvec(-side * lowering * FORWARD)
    return rotations


def rest_pose(body: BodyData, rest_joints: Float64Array, kind: RestKind) -> RestPose:
    """The rest of a person whose joints [J,3] are these in the template's pose."""
    rotations = rest_rotations(body, kind)
    posed = global_transforms(rotations, rest_joints, body.skeleton.parents, np.zeros(3))
    transforms = skinning_transforms(posed, rest_joints)
    return RestPose(
        rotations,
        transforms[:, :3, :3].copy(),
        transforms,
        blended_transforms(body.weights, transforms),
    )


def offsets_to(blends: Float64Array, start: Float64Array, target: Float64Array) -> Float64Array:
    """What to add to points [V,3] so that these transforms [V,3,4] bring them to a target [V,3].

    Where a transform is flat (LEAST_STRETCH), the least that comes nearest.
    """
    missing = target - apply_transforms(blends, start)
    inverses = np.linalg.pinv(blends[:, :, :3], rcond=LEAST_STRETCH)
    return (inverses @ missing[..., None])[..., 0]
