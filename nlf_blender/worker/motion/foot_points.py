# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the soles of the feet are: heel and toes of each foot, as points that hang on joints.

A sole point is the mean of a few of the lowest vertices of the unposed body near heel or toes. It
moves rigidly with the ankle or the foot joint, so that a whole motion needs no skinning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...body.body_data import BodyData
from ...body.kinematics import global_transforms, rest_joints
from ...body.skeleton import SKELETONS
from .motion import Float64Array, PersonMotion

POINTS = ("left heel", "left toes", "right heel", "right toes")
FEET = ((0, 1), (2, 3))  # heel and toes of the left and of the right foot
LOWEST_SHARE = 0.05  # of the vertices of a heel or of toes: those that bear it
LEAST_VERTICES = 3


@dataclass(frozen=True)
class Leg:
    """The joints of one leg, by their indices."""

    hip: int
    knee: int
    ankle: int
    foot: int


@dataclass(frozen=True, eq=False)
class FootPoints:
    """The sole of a body of one shape. legs: left, right; joints [4]: on which each of POINTS
    hangs; offsets [4,3]: from that joint in the unposed body, metres, SMPL's axes."""

    legs: tuple[Leg, Leg]
    joints: NDArray[np.int64]
    offsets: Float64Array

    def places(self, orientations: Float64Array, positions: Float64Array) -> Float64Array:
        """The points [T,4,3] of a body whose joints have orientations [T,J,3,3] and positions
        [T,J,3]."""
        turned = orientations[:, self.joints] @ self.offsets[None, :, :, None]
        return positions[:, self.joints] + turned[..., 0]


def joint_of(body: BodyData, name: str) -> int:
    """The joint that SMPL calls so; ValueError for a body that has none of its name."""
    return SKELETONS.get(body.kind, body.skeleton).index(name)


def shoulders_of(body: BodyData) -> list[int]:
    """Both shoulders, between which a trunk ends; ValueError as in `joint_of`."""
    return [joint_of(body, "L_Shoulder"), joint_of(body, "R_Shoulder")]


def legs_of(body: BodyData) -> tuple[Leg, Leg] | None:
    """The left and the right leg; None for a body whose joints have no names of SMPL's."""
    try:
        shoulders_of(body)
        left, right = (
            Leg(*(joint_of(body, f"{side}_{name}") for name in ("Hip", "Knee", "Ankle", "Foot")))
            for side in "LR"
        )
    except ValueError:
        return None
    return left, right


def foot_points(body: BodyData, betas: Float64Array, scale: float) -> FootPoints | None:
    """The sole points of a body of this shape [B'] and scale; None for a body without known feet.

    SMPL's axes: the unposed body stands, y up, and faces +z.
    """
    legs = legs_of(body)
    if legs is None:
        return None
    owner = np.argmax(body.weights, axis=1)
    joints = rest_joints(body.joints_template, body.joints_shapedirs, betas)
    offsets: list[Float64Array] = []
    for leg in legs:
        behind = body.v_template[:, 2] < body.joints_template[leg.ankle, 2]
        for joint, region in (
            (leg.ankle, (owner == leg.ankle) & behind),
            (leg.foot, owner == leg.foot),
        ):
            lowest = _lowest(body, np.flatnonzero(region))
            if lowest is None:
                return None
            shaped = body.v_template[lowest] + body.shapedirs[lowest][..., : len(betas)] @ betas
            offsets.append(shaped.mean(axis=0) - joints[joint])
    hanging = [joint for leg in legs for joint in (leg.ankle, leg.foot)]
    return FootPoints(legs, np.array(hanging), scale * np.stack(offsets))


def _lowest(body: BodyData, vertices: NDArray[np.int64]) -> NDArray[np.int64] | None:
    if len(vertices) < LEAST_VERTICES:
        return None
    count = max(LEAST_VERTICES, round(LOWEST_SHARE * len(vertices)))
    order = np.argsort(body.v_template[vertices, 1], kind="stable")
    return vertices[order[:count]]


def joint_frames(motion: PersonMotion, body: BodyData) -> tuple[Float64Array, Float64Array]:
    """Orientations [T,J,3,3] and positions [T,J,3] of all joints, in the motion's axes, metres."""
    rest = motion.scale * rest_joints(body.joints_template, body.joints_shapedirs, motion.betas)
    offset = motion.root - rest[body.skeleton.root]
    transforms = global_transforms(motion.rotations, rest, body.skeleton.parents, offset)
    return transforms[..., :3, :3], transforms[..., :3, 3]
