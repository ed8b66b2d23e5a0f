# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns limbs and people back that were taken for their mirror image for some frames.

A localizer may take the left leg for the right one, or, as depth is hard to see, a person for the
one mirrored in depth, with left and right exchanged: both look alike from the camera. Such a frame
is told by its jump. Of all ways through time that take each frame as it is or turned back, the one
with the least turning is found (Viterbi 1967); turning back has a price, so that fast limbs stay.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...body.body_data import BodyData
from ...body.kinematics import global_transforms, local_from_global
from ...body.skeleton import Skeleton
from .motion import Float64Array, PersonMotion
from .segments import shots_of
from .turns import angle_between

# Radians, summed over the joints: of going over to another reading of a limb; to, or from, a person
# mirrored in depth, for then all joints turn.
SWITCH_PRICE, MIRROR_PRICE = 1.2, 2.0
FRAME_PRICE = 0.02  # radians per frame that is not taken as it is
MOST_TURN = 1.5  # radians: more between two frames tells no more
LEAST_JUMP = 0.6  # radians: where no joint jumps that far between frames, nothing is exchanged
LIMBS = (("L_Hip", "L_Knee", "L_Ankle"), ("L_Shoulder", "L_Elbow"))  # whose turning is judged
LIMB_STARTS = ("L_Hip", "L_Collar")  # with all below them
MIRRORED = 4  # which reading that is
SIDEWAYS = np.diag([-1.0, 1.0, 1.0])  # mirrors the body's left and right


def repair_flips(
    motion: PersonMotion, body: BodyData, view: Float64Array
) -> tuple[PersonMotion, np.ndarray]:
    """The motion with exchanged limbs and mirrored people turned back, and in which frames [T].

    view [T,3]: the direction from the camera to the person, in the motion's axes. A skeleton
    without SMPL's names of joints is left alone.
    """
    repaired = np.zeros(len(motion.frame), dtype=bool)
    skeleton = body.skeleton
    if not {name for limb in LIMBS for name in limb} <= set(skeleton.joint_names):
        return motion, repaired
    steps = angle_between(motion.rotations[1:], motion.rotations[:-1])
    steps[motion.shot[1:] != motion.shot[:-1]] = 0.0
    if not (steps[:, _judged(skeleton)] > LEAST_JUMP).any():
        return motion, repaired
    readings = _readings(motion.rotations, body, view)
    result = motion.rotations.copy()
    for shot in shots_of(motion):
        chosen = _cheapest(readings[:, shot], skeleton)
        frames = np.arange(shot.start, shot.stop)
        result[shot] = readings[chosen, frames]
        repaired[shot] = chosen > 0
    return replace(motion, rotations=result), repaired


def _judged(skeleton: Skeleton) -> list[int]:
    """The joints whose turning tells readings apart."""
    left = [skeleton.index(name) for limb in LIMBS for name in limb]
    mirrored = skeleton.mirrored()
    return [skeleton.root, *left, *(mirrored[joint] for joint in left)]


def _readings(rotations: Float64Array, body: BodyData, view: Float64Array) -> Float64Array:
    """Rotations [5,T,J,3,3]: as they are, legs exchanged, arms, both, and mirrored in depth."""
    legs = _exchanged(rotations, body, LIMB_STARTS[0])
    return np.stack(
        [
            rotations,
            legs,
            _exchanged(rotations, body, LIMB_STARTS[1]),
            _exchanged(legs, body, LIMB_STARTS[1]),
            _mirrored(rotations, body.skeleton, view),
        ]
    )


def _exchanged(rotations: Float64Array, body: BodyData, start: str) -> Float64Array:
    """The limb that starts at a joint and its counterpart with exchanged places in space.

    Arms at rest point apart: one lies where the other was after half a turn about the upward axis.
    """
    skeleton = body.skeleton
    mirrored = skeleton.mirrored()
    first = skeleton.index(start)
    limb = [j for j in skeleton.depth_order() if j == first or _hangs_from(skeleton, j, first)]
    rest = body.joints_template
    bone = rest[limb[-1]] - rest[first]
    apart = abs(bone[0]) > abs(bone[1])
    about = np.diag([-1.0, 1.0, -1.0]) if apart else np.eye(3)
    still = np.zeros(3)
    space = global_transforms(rotations, rest, skeleton.parents, still)[..., :3, :3]
    turned = space.copy()
    for joint in limb:
        other = mirrored[joint]
        turned[:, joint], turned[:, other] = space[:, other] @ about, space[:, joint] @ about
    return local_from_global(turned, skeleton.parents)


def _hangs_from(skeleton: Skeleton, joint: int, above: int) -> bool:
    while joint >= 0:
        joint = skeleton.parents[joint]
        if joint == above:
            return True
    return False


def _mirrored(rotations: Float64Array, skeleton: Skeleton, view: Float64Array) -> Float64Array:
    """The same person mirrored in depth, with left and right exchanged."""
    length = np.linalg.norm(view, axis=1, keepdims=True)
    axis = view / np.maximum(length, 1e-9)
    depth = np.eye(3) - 2.0 * axis[:, :, None] * axis[:, None, :]
    result = SIDEWAYS @ rotations[:, list(skeleton.mirrored())] @ SIDEWAYS
    root = skeleton.root
    result[:, root] = depth @ rotations[:, root] @ SIDEWAYS
    return result


def _cheapest(readings: Float64Array, skeleton: Skeleton) -> np.ndarray:
    """The reading [T] of each frame with which the least is turned in all."""
    judged = _judged(skeleton)
    used = readings[:, :, judged]
    kinds, count = used.shape[:2]
    steps = _angles(used)
    mirrored = np.arange(kinds) == MIRRORED
    own = FRAME_PRICE * (np.arange(kinds) > 0)
    switch = np.where(mirrored | mirrored[:, None], MIRROR_PRICE, SWITCH_PRICE)
    np.fill_diagonal(switch, 0.0)
    price = np.minimum(steps, MOST_TURN).sum(axis=-1) + switch[..., None]
    cost = own.copy()
    came_from = np.zeros((count, kinds), dtype=np.int64)
    for frame in range(1, count):
        ways = cost[:, None] + price[:, :, frame - 1]
        came_from[frame] = ways.argmin(axis=0)
        cost = ways.min(axis=0) + own
    chosen = np.zeros(count, dtype=np.int64)
    chosen[-1] = cost.argmin()
    for frame in range(count - 1, 0, -1):
        chosen[frame - 1] = came_from[frame, chosen[frame]]
    return chosen


def _angles(readings: Float64Array) -> Float64Array:
    """Angles [K,K,T-1,J] from the joints of each reading [K,T,J,3,3] to those of each in the next
    frame; by the trace, for all pairs of matrices would be large."""
    entries = readings.reshape(*readings.shape[:3], 9)
    trace = np.einsum("ktje,ltje->kltj", entries[:, :-1], entries[:, 1:])
    return np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0))
