# SPDX-License-Identifier: GPL-3.0-or-later
"""How far each joint of the body turns, and rotations held within it.

A joint's rotation, relative to the T-pose, is a twist about its bone followed by a swing about an
axis across the bone. Twists have a least and a greatest angle; swings lie in an ellipse, whose half
axes differ for the two senses of each axis. Angles are those of the left side, degrees; the right
side's are mirrored. They hold healthy adults' ranges of motion, wide enough for dancers' hips.
"""

from __future__ import annotations

import numpy as np

from ....body.arrays import Float64Array
from ....body.rotations import (
    matrix_from_rotvec,
    quaternion_from_matrix,
    rotvec_from_quaternion,
)
from .skeleton import INDEX, JOINT_NAMES

Range = tuple[float, float]
# Bone axis, then ranges of turns about x, y and z; about the bone axis it is the twist.
# hip: -x bends the thigh forward, +z lifts it outward, +y turns the knee outward. knee: +x bends.
# shoulder: -y takes the arm forward, +z up. elbow: -y bends the forearm forward, +z up. hand: -z
# curls the fingers to the palm.
LIMITS: dict[str, tuple[str, Range, Range, Range]] = {
    "hip": ("y", (-130, 38), (-45, 78), (-35, 80)),
    "knee": ("y", (-4, 155), (-20, 25), (-8, 8)),
    "ankle": ("y", (-35, 55), (-25, 40), (-22, 22)),
    "foot": ("y", (-55, 40), (-10, 10), (-10, 10)),
    "spine1": ("y", (-28, 55), (-22, 22), (-25, 25)),
    "spine2": ("y", (-38, 40), (-22, 22), (-20, 20)),
    "spine3": ("y", (-28, 30), (-20, 20), (-22, 22)),
    "neck": ("y", (-38, 40), (-35, 35), (-32, 32)),
    "head": ("y", (-50, 55), (-52, 52), (-42, 42)),
    "collar": ("x", (-15, 15), (-25, 22), (-12, 40)),
    "shoulder": ("x", (-115, 100), (-140, 60), (-115, 95)),
    "elbow": ("x", (-80, 80), (-150, 6), (-20, 110)),
    "wrist": ("x", (-80, 80), (-40, 40), (-78, 72)),
    "hand": ("x", (-12, 12), (-20, 20), (-90, 18)),
}


def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Twist axis [24], least and greatest turns [24,3] in radians; the pelvis is free."""
    axes = np.full(len(JOINT_NAMES), 1)
    low, high = (np.full((len(JOINT_NAMES), 3), value) for value in (-np.inf, np.inf))
    for row, name in enumerate(JOINT_NAMES):
        if name == "pelvis":
            continue
        axis, *ranges = LIMITS[name.removeprefix("left_").removeprefix("right_")]
        axes[row] = "xyz".index(axis)
        bounds = np.radians(ranges)
        if name.startswith("right_"):  # mirrored in x: turns about y and z change their sense
            bounds[1:] = -bounds[1:, ::-1]
        low[row], high[row] = bounds.T
    return axes, low, high


_TINY = 1e-12
_AXES, _LOW, _HIGH = _tables()
_ROWS = np.arange(len(JOINT_NAMES))
_LEAST_TWIST, _MOST_TWIST = _LOW[_ROWS, _AXES], _HIGH[_ROWS, _AXES]
_HIPS = [INDEX["left_hip"], INDEX["right_hip"]]
_BONES = np.eye(3)[_AXES]
_ACROSS = 1.0 - _BONES
_BY_BONE = np.cross(np.eye(3), _BONES[:, None])  # rows: of each axis with the bone


def swings_and_twists(local: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Swings [...,24,3] and twists [...,24], radians, of rotations [...,24,3,3].

    The swing is a rotation vector without a part along the bone.
    """
    quaternions = quaternion_from_matrix(local)
    real, imaginary = quaternions[..., 0], quaternions[..., 1:]
    along = imaginary[..., _ROWS, _AXES]
    length = np.maximum(np.hypot(real, along), _TINY)
    across = imaginary * _ACROSS
    cosine, sine = (real / length)[..., None], (along / length)[..., None]
    turned = cosine * across - sine * (across[..., None, :] @ _BY_BONE)[..., 0, :]
    swings = rotvec_from_quaternion(np.concatenate([length[..., None], turned], axis=-1))
    return swings, 2 * np.arctan2(along, real)


def _hip_twists(swings: Float64Array) -> Float64Array:
    """The twists [...,2] that hips have when they are flexed and then spread, without a turn of the
    thigh: so the knee of a sitting person points outward or upward alike. From swings [...,24,3].

    A swing takes the thigh to where flexion h and spread s take it; the two rotations one after
    the other are that swing after a twist n with tan(n/2) = tan(h/2) tan(s/2).
    """
    thigh = -matrix_from_rotvec(swings[..., _HIPS, :])[..., :, 1]
    spread = np.arcsin(thigh[..., 0].clip(-1, 1)) / 2
    flexion = np.arctan2(thigh[..., 2], -thigh[..., 1]) / 2
    return 2 * np.arctan2(np.sin(flexion) * np.sin(spread), np.cos(flexion) * np.cos(spread))


def _parted(local: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Swings, how many times its limit each is, and twists, the hips' beyond `_hip_twists`."""
    swings, twists = swings_and_twists(local)
    bounds = np.where(swings < 0, -_LOW, _HIGH)
    share = np.linalg.norm(swings / bounds * _ACROSS, axis=-1)
    twists[..., _HIPS] = (twists[..., _HIPS] - _hip_twists(swings) + np.pi) % (2 * np.pi) - np.pi
    return swings, share, twists


def within_limits(local: Float64Array) -> Float64Array:
    """The rotations [...,24,3,3] with every swing and twist brought back to its limit."""
    swings, share, twists = _parted(local)
    twists = np.clip(twists, _LEAST_TWIST, _MOST_TWIST)
    swings = swings / np.maximum(share, 1.0)[..., None]
    twists[..., _HIPS] += _hip_twists(swings)
    return matrix_from_rotvec(swings) @ matrix_from_rotvec(twists[..., None] * _BONES)
