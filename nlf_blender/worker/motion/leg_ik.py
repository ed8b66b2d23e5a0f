# SPDX-License-Identifier: GPL-3.0-or-later
"""Legs that reach a given place: a two-bone chain solved in closed form, for all frames at once.

The law of cosines tells how far the knee must bend. It keeps pointing where it pointed; where the
leg was straight, or the knee bent the wrong way, it points to the front of the thigh.
"""

from __future__ import annotations

import numpy as np

from .motion import Float64Array

# A knee this far before the line from hip to ankle tells by itself where it points, metres.
CLEAR_BEND = 0.02
# Beyond this share of its length a leg does not reach, unless it did before: a knee that goes
# straight jumps.
LONGEST = 0.99
FRONT_OF_THIGH = np.array([0.0, 0.0, 1.0])  # SMPL's axes, unposed
TINY = 1e-12


def reach(
    hip: Float64Array,
    thigh: Float64Array,
    shin: Float64Array,
    thigh_bone: Float64Array,
    shin_bone: Float64Array,
    ankle: Float64Array,
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Turn thigh and shin so that the ankle comes to a place.

    hip [T,3]: where the joint is; thigh, shin [T,3,3]: the bones' orientations in space;
    thigh_bone, shin_bone [3]: from hip to knee and from knee to ankle in the unposed body; ankle
    [T,3]: where it shall be, metres. Returns thigh and shin [T,3,3] and where the ankle is [T,3]:
    there, or as near as the leg reaches. Bones turn by the least that brings them there.
    """
    upper, lower = float(np.linalg.norm(thigh_bone)), float(np.linalg.norm(shin_bone))
    old_upper, old_lower = thigh @ thigh_bone, shin @ shin_bone
    way = ankle - hip
    distance = np.linalg.norm(way, axis=-1)
    was = np.linalg.norm(old_upper + old_lower, axis=-1)
    longest = np.maximum(LONGEST * (upper + lower), was).clip(max=upper + lower)
    reached = np.minimum(distance, longest).clip(min=abs(upper - lower) + 1e-6)
    axis = way / np.maximum(distance, TINY)[:, None]
    moved = np.linalg.norm(way - old_upper - old_lower, axis=-1)
    pole = _pole(old_upper, old_upper + old_lower, thigh @ FRONT_OF_THIGH, axis, moved)
    along = (reached**2 + upper**2 - lower**2) / (2 * reached)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    new_upper = along[:, None] * axis + aside[:, None] * pole
    new_lower = reached[:, None] * axis - new_upper
    return (
        turn_between(old_upper, new_upper) @ thigh,
        turn_between(old_lower, new_lower) @ shin,
        hip + reached[:, None] * axis,
    )


def _pole(
    knee: Float64Array,
    ankle: Float64Array,
    front: Float64Array,
    axis: Float64Array,
    moved: Float64Array,
) -> Float64Array:
    """Unit vectors [T,3], perpendicular to axis [T,3], to which the knee points.

    knee, ankle [T,3]: as they were, from the hip; front [T,3]: of the thigh; moved [T]: how far
    the ankle has to go, for a leg that stays must not turn.
    """
    line = ankle / np.maximum(np.linalg.norm(ankle, axis=-1, keepdims=True), TINY)
    bend = knee - np.sum(knee * line, axis=-1, keepdims=True) * line
    front = front - np.sum(front * line, axis=-1, keepdims=True) * line
    front = front / np.maximum(np.linalg.norm(front, axis=-1, keepdims=True), TINY)
    forward = np.sum(bend * front, axis=-1)
    missing = np.maximum(CLEAR_BEND - forward, 0.0) * np.minimum(moved / CLEAR_BEND, 1.0)
    pointing = bend + (missing[:, None] + 1e-9) * front
    pointing = (turn_between(line, axis) @ pointing[..., None])[..., 0]
    pointing = pointing - np.sum(pointing * axis, axis=-1, keepdims=True) * axis
    return pointing / np.maximum(np.linalg.norm(pointing, axis=-1, keepdims=True), TINY)


def turn_between(first: Float64Array, second: Float64Array) -> Float64Array:
    """The smallest rotations [...,3,3] that bring directions first [...,3] to second [...,3]."""
    a = first / np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), TINY)
    b = second / np.maximum(np.linalg.norm(second, axis=-1, keepdims=True), TINY)
    cosine = np.sum(a * b, axis=-1)
    opposite = cosine < -1 + 1e-9  # any axis would do: through the least component
    helper = np.eye(3)[np.argmin(np.abs(a), axis=-1)]
    half = np.where(opposite[..., None], np.cross(a, helper), a + b)
    half = half / np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), TINY)
    turn = 2 * half[..., :, None] * half[..., None, :] - np.eye(3)
    # two half turns, about a and about the direction between, make the rotation
    about = 2 * a[..., :, None] * a[..., None, :] - np.eye(3)
    return np.where(opposite[..., None, None], turn, turn @ about)
