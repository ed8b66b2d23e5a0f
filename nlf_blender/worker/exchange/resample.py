# SPDX-License-Identifier: GPL-3.0-or-later
"""Points at uneven moments to points at a constant rate, which other programs ask for.

Between two moments a point moves on a cubic Hermite curve, whose slopes are those of the parabolas
through three moments; never across a cut. Where the moments lie on the grid, values stay as they
are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...protocol.clip_clock import rounding
from .tracks import Track, Tracks

Float64Array = NDArray[np.float64]
BLOCK = 256  # points at a time: clips are long, meshes are large
SAME_RATE = 1e-4  # relative
SAME_FRAME = 1e-3  # of a frame, at another rate than the take's


@dataclass(frozen=True)
class Grid:
    """Frames at a constant rate: seconds of the first, frames a second, how many. snap: how far
    from one a moment may be that means it, in frames."""

    start: float
    rate: float
    count: int
    snap: float


@dataclass(frozen=True, eq=False)
class _Samples:
    """Grid frames [n] of one person: each at `share` [n] of the way from moment `low` [n] to the
    next; 0 at it, and where the next moment belongs to another shot."""

    frames: NDArray[np.int64]
    low: NDArray[np.int64]
    share: Float64Array


def common_grid(tracks: Tracks, rate: float) -> Grid:
    """The frames that span everybody, from the first moment on. At the take's own rate, moments
    are snapped to frames as far as containers round times."""
    own = abs(rate / tracks.rate - 1.0) < SAME_RATE
    snap = rounding(rate) if own else SAME_FRAME
    start = min(float(track.time[0]) for track in tracks.people)
    last = max(_places(track, Grid(start, rate, 0, snap))[-1] for track in tracks.people)
    return Grid(start, rate, int(np.floor(last)) + 1, snap)


def resampled(
    track: Track, grid: Grid, cuts: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A person's points [T,K,3] and doubt [T,K] on the grid; NaN where they are not there."""
    places = _places(track, grid)
    shots = np.searchsorted(np.asarray(cuts, dtype=np.int64), track.frame, side="right")
    samples = _samples(places, shots, grid.count)
    count = track.points.shape[1]
    points = np.full((grid.count, count, 3), np.nan, dtype=np.float32)
    doubt = np.full((grid.count, count), np.nan, dtype=np.float32)
    for first in range(0, count, BLOCK):
        block = slice(first, first + BLOCK)
        own = np.asarray(track.points[:, block], dtype=np.float64)
        points[samples.frames, block] = _curve(own, places, shots, samples)
        own_doubt = np.asarray(track.doubt[:, block], dtype=np.float64)
        doubt[samples.frames, block] = _line(own_doubt, samples)
    return points, doubt


def _places(track: Track, grid: Grid) -> Float64Array:
    """A person's moments [T] in grid frames, whole where they mean one."""
    places = (track.time - grid.start) * grid.rate
    whole = np.rint(places)
    snapped = np.where(np.abs(places - whole) <= grid.snap, whole, places)
    return snapped if (np.diff(snapped) > 0).all() else places


def _samples(places: Float64Array, shots: NDArray[np.int64], count: int) -> _Samples:
    first, last = int(np.ceil(places[0])), int(np.floor(places[-1]))
    if first > last:  # somebody seen between two frames only
        frame = np.clip(np.rint(places[:1]), 0, count - 1).astype(np.int64)
        return _Samples(frame, np.zeros(1, dtype=np.int64), np.zeros(1))
    frames = np.arange(first, last + 1)
    low = np.searchsorted(places, frames, side="right") - 1
    high = np.minimum(low + 1, len(places) - 1)
    span = np.where(high > low, places[high] - places[low], 1.0)
    share = np.where(shots[high] == shots[low], (frames - places[low]) / span, 0.0)
    return _Samples(frames, low, share)


def _line(values: Float64Array, samples: _Samples) -> Float64Array:
    """Values [T,K] at the samples, straight between moments: NaN where either is."""
    low = values[samples.low]
    between = np.flatnonzero(samples.share)
    share = samples.share[between, None]
    after = values[samples.low[between] + 1]
    low[between] = (1.0 - share) * low[between] + share * after
    return low


def _curve(
    points: Float64Array, places: Float64Array, shots: NDArray[np.int64], samples: _Samples
) -> Float64Array:
    """Points [T,K,3] at the samples."""
    result = points[samples.low]
    between = np.flatnonzero(samples.share)
    if not len(between):
        return result
    slopes = _slopes(points, places, shots)
    low = samples.low[between]
    span = (places[low + 1] - places[low])[:, None, None]
    u = samples.share[between, None, None]
    result[between] = (
        (1.0 + 2.0 * u) * (1.0 - u) ** 2 * points[low]
        + u * (1.0 - u) ** 2 * span * slopes[low]
        + u**2 * (3.0 - 2.0 * u) * points[low + 1]
        - u**2 * (1.0 - u) * span * slopes[low + 1]
    )
    return result


def _slopes(points: Float64Array, places: Float64Array, shots: NDArray[np.int64]) -> Float64Array:
    """Slopes [T,K,3] a grid frame, within each shot."""
    slopes = np.zeros_like(points)
    for shot in np.unique(shots):
        own = np.flatnonzero(shots == shot)
        if len(own) > 1:
            order = 2 if len(own) > 2 else 1
            slopes[own] = np.gradient(points[own], places[own], axis=0, edge_order=order)
    return slopes
