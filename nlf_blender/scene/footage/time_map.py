# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage time and scene frames: which scene frame a moment of the source falls on, in numpy.

Footage has timestamps, evenly spaced or not; a scene has frames at one rate. Either the scene takes
the clip's rate, and keys lie where the frames do, or it keeps its own, and the motion is
interpolated at its whole frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array, FloatArray
from ...protocol.clip_clock import first_shown, rounding

TimeMode = Literal["MATCH", "RESAMPLE"]
SAME_FRAME = 1e-3  # of a frame: rates that Blender keeps as float32 are no farther off


@dataclass(frozen=True, eq=False)
class Samples:
    """How to take values at scene frames [K] out of values at T moments: between `low` [K] and the
    next one, at `share` [K] of the way. exact: each is one of the moments, in order."""

    frames: Float64Array
    low: NDArray[np.int64]
    share: Float64Array
    exact: bool

    def linear(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values [T,...] at the frames [K,...], straight between moments."""
        if self.exact:
            return values[self.low]
        share = self.share.reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
        return values[self.low] + share * (values[self._high(len(values))] - values[self.low])

    def nearest(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values [T,...] of the nearest moments."""
        return values[np.where(self.share > 0.5, self._high(len(values)), self.low)]

    def turned(self, quaternions: FloatArray) -> Float64Array:
        """Unit quaternions [T,...,4] at the frames, along the shortest arc at even speed (slerp,
        Shoemake 1985)."""
        values = np.asarray(quaternions, dtype=np.float64)
        if self.exact:
            return values[self.low]
        start, end = values[self.low], values[self._high(len(values))]
        cosine = np.sum(start * end, axis=-1, keepdims=True)
        end, cosine = np.where(cosine < 0.0, -end, end), np.minimum(np.abs(cosine), 1.0)
        angle = np.arccos(cosine)
        share = self.share.reshape(-1, *[1] * (values.ndim - 1))
        small = angle < 1e-4  # there a straight line is as good
        sine = np.where(small, 1.0, np.sin(angle))
        first = np.where(small, 1.0 - share, np.sin((1.0 - share) * angle) / sine)
        second = np.where(small, share, np.sin(share * angle) / sine)
        result = first * start + second * end
        return result / np.linalg.norm(result, axis=-1, keepdims=True)

    def _high(self, count: int) -> NDArray[np.int64]:
        return np.minimum(self.low + 1, count - 1)


@dataclass(frozen=True)
class Placed:
    """Where a scene shows a source already. zero: the scene frame of its start; rate: by which
    Blender counts its frames, a second; pace: of those frames in a scene frame."""

    zero: float
    rate: float
    pace: float = 1.0


@dataclass(frozen=True)
class TimeMap:
    """Seconds from the start of the source to scene frames: time0 is at the scene frame `start`,
    which passes fps frames a second. resample: keys lie on whole frames only; clock: of a source
    that the scene shows by Blender's count (see clip_clock), that count's rate, else 0: there, a
    moment lies where its picture is first shown."""

    start: float
    time0: float
    fps: float
    resample: bool
    clock: float = 0.0

    @classmethod
    def of_placed(cls, placed: Placed, *, resample: bool) -> TimeMap:
        """That of a source which the scene shows."""
        return cls(placed.zero, 0.0, placed.rate / placed.pace, resample, placed.rate)

    def frames(self, times: FloatArray) -> Float64Array:
        """Scene frames [T] of moments [T] in seconds, increasing; whole where nearly so: as far as
        containers round times, where the scene has the clip's rate."""
        seconds = np.asarray(times, dtype=np.float64)
        if self.clock:
            seconds = first_shown(seconds, self.clock) / self.clock
        places = self.start + (seconds - self.time0) * self.fps
        whole = np.round(places)
        near = SAME_FRAME if self.resample else rounding(self.fps)
        snapped = np.where(np.abs(places - whole) <= near, whole, places)
        return snapped if (np.diff(snapped) > 0).all() else places

    def times(self, frames: FloatArray) -> Float64Array:
        """Seconds from the start of the source at scene frames [K]."""
        return self.time0 + (np.asarray(frames, dtype=np.float64) - self.start) / self.fps

    def samples(self, times: FloatArray) -> Samples:
        """Where to key values known at moments [T], increasing, in seconds."""
        frames = self.frames(times)
        if not self.resample:
            return Samples(frames, np.arange(len(frames)), np.zeros(len(frames)), exact=True)
        return whole_samples(frames)


def whole_samples(frames: Float64Array) -> Samples:
    """The whole frames from the first to the last of moments at these scene frames [T]; one that
    falls between two whole frames takes the nearest."""
    first, last = np.ceil(frames[0]), np.floor(frames[-1])
    if first > last:
        whole = np.round(frames[:1])
        return Samples(whole, np.zeros(1, dtype=np.int64), np.zeros(1), exact=len(frames) == 1)
    whole = np.arange(first, last + 1)
    exact = len(whole) == len(frames) and np.array_equal(whole, frames)
    low = np.clip(np.searchsorted(frames, whole, side="right") - 1, 0, max(len(frames) - 2, 0))
    if len(frames) == 1:
        return Samples(whole, low, np.zeros(1), exact=True)
    if exact:
        return Samples(whole, np.arange(len(frames)), np.zeros(len(frames)), exact=True)
    share = (whole - frames[low]) / (frames[low + 1] - frames[low])
    return Samples(whole, low, share, exact=False)


def even_step(frames: Float64Array) -> float | None:
    """The distance of evenly spaced scene frames [T], 1 of a single one; None if they are not."""
    if len(frames) < 2:
        return 1.0
    step = float(frames[-1] - frames[0]) / (len(frames) - 1)
    even = frames[0] + step * np.arange(len(frames))
    return step if np.allclose(frames, even, rtol=0.0, atol=1e-3) else None
