# SPDX-License-Identifier: GPL-3.0-or-later
"""New keys of a range of frames between the keys that stay, without a jump at the seams; in numpy.

All C curves of one property are merged together, for a rotation is four of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from ...body.rotations import continuous_quaternions

SAME_KEY = 1e-3  # frames; keys nearer than this are one


@dataclass(frozen=True)
class Span:
    """Scene frames whose keys are replaced, ends included; None: from the first, to the last. At an
    end, `blend` frames of the span lead over from the old values to the new."""

    first: float | None
    last: float | None
    blend: float

    @property
    def open(self) -> bool:
        """Whether it has no ends."""
        return self.first is None and self.last is None

    def holds(self, frames: Float64Array) -> NDArray[np.bool_]:
        """Whether frames [K] are in the span."""
        low = -np.inf if self.first is None else self.first
        high = np.inf if self.last is None else self.last
        return (frames >= low) & (frames <= high)

    def share(self, frames: Float64Array) -> Float64Array:
        """How much of the new values frames [K] of the span take: 0 outside to 1, smoothly."""
        result = np.ones(len(frames))
        for end, sign in ((self.first, 1.0), (self.last, -1.0)):
            if end is not None:
                way = (sign * (frames - end) + 1.0) / (self.blend + 1.0)
                result = np.minimum(result, _smooth(way))
        return result


ALL = Span(None, None, 0.0)


def _smooth(way: Float64Array) -> Float64Array:
    """The cubic from 0 at 0 to 1 at 1 that starts and ends level."""
    clipped = np.clip(way, 0.0, 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)


@dataclass(frozen=True, eq=False)
class Merged:
    """New keys: frames [K], values [K,C]; signs: +1 or -1 by which the old keys at the frames that
    were asked for [n] are to be multiplied, 1 but in rotations."""

    frames: Float64Array
    values: Float64Array
    signs: Float64Array


def merge_keys(
    new: tuple[Float64Array, Float64Array],
    old_values: Float64Array,
    kept: tuple[Float64Array, Float64Array, NDArray[np.bool_]],
    span: Span,
    *,
    rotation: bool,
) -> Merged:
    """The keys to put into a span.

    new: frames [N], values [N,C] of the whole new motion; old_values [N,C]: of the old curves
    there; kept: frames [n] of old keys that stay, in order, the old curves' values there [n,C], and
    whether they lie in the span [n], set by hand. New keys near such a one lean to it over
    `span.blend` frames.
    """
    frames, values = new
    kept_frames, kept_values, in_span = kept
    inside = span.holds(frames)
    signs = np.ones(len(kept_frames))
    if not inside.any():
        return Merged(frames[inside], values[inside], signs)
    frames, values, old_values = frames[inside], values[inside], old_values[inside]
    if rotation:
        values = continuous_quaternions(values)
        values = values * _sign(np.sum(values[0] * old_values[0]))
    share = span.share(frames)[:, None]
    old_signs = _sign(np.sum(values * old_values, axis=1))[:, None] if rotation else 1.0
    values = share * values + (1.0 - share) * old_signs * old_values
    if rotation:
        signs = _kept_signs(kept_frames, kept_values, frames, values)
    hand = kept_frames[in_span], (signs[:, None] * kept_values)[in_span]
    values = _lean(frames, values, *hand, span.blend)
    if rotation:
        values = values / np.linalg.norm(values, axis=1, keepdims=True)
    return Merged(frames, values, signs)


def _sign(values: Float64Array) -> Float64Array:
    return np.where(values < 0.0, -1.0, 1.0)


def _kept_signs(
    kept_frames: Float64Array,
    kept_values: Float64Array,
    frames: Float64Array,
    values: Float64Array,
) -> Float64Array:
    """Signs [n] of kept quaternions that let them go on from the new ones: those in the range by
    themselves, those before and after it all alike."""
    nearest = np.abs(frames[None] - kept_frames[:, None]).argmin(axis=1)
    signs = _sign(np.sum(kept_values * values[nearest], axis=1))
    before, after = kept_frames < frames[0], kept_frames > frames[-1]
    if before.any():
        signs[before] = signs[np.flatnonzero(before)[-1]]
    if after.any():
        signs[after] = signs[np.flatnonzero(after)[0]]
    return signs


def _lean(
    frames: Float64Array,
    values: Float64Array,
    hand_frames: Float64Array,
    hand_values: Float64Array,
    reach: float,
) -> Float64Array:
    """Values [K,C] that go through the hand's at their frames."""
    if not len(hand_frames):
        return values
    there = np.stack([np.interp(hand_frames, frames, column) for column in values.T], axis=1)
    gaps = np.minimum(np.diff(hand_frames), reach + 1.0)  # none reaches beyond the next
    before = np.concatenate([[reach + 1.0], gaps])
    after = np.concatenate([gaps, [reach + 1.0]])
    distance = frames[:, None] - hand_frames[None]
    weights = _smooth(1.0 - np.abs(distance) / np.where(distance < 0.0, before, after))
    return values + weights @ (hand_values - there)
