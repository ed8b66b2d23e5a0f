# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical points that an official model was trained on, some of which it moved itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from ....body.arrays import Float64Array

MIDDLE_M = 1e-6  # nearer to the plane of symmetry than this lies on it
MIRROR_M = 1e-4  # between a point and its partner's mirror image
ORDER_WEIGHT_M = 1e-9  # decides between coinciding points


def learnt_locations(
    start: ArrayLike, lefts: ArrayLike, centers: ArrayLike, mask: ArrayLike | None = None
) -> Float64Array:
    """The learnt canonical points [L,3], metres.

    start [L,3]: symmetric about x = 0. Its points on the left (x > 0) are moved by `lefts`
    [n,3], in order of appearance, their mirror images likewise, and those in the middle by
    `centers` [m,2], y and z. mask [L] scales every move: official models keep points of the hands
    where they are; their stored moves are zero, so that a file without a mask needs none.
    ValueError if `start` is not symmetric, or has other numbers of points.
    """
    places = np.asarray(start, dtype=np.float64)
    left = np.flatnonzero(places[:, 0] > MIDDLE_M)
    right = np.flatnonzero(places[:, 0] < -MIDDLE_M)
    middle = np.flatnonzero(np.abs(places[:, 0]) <= MIDDLE_M)
    moves_left, moves_middle = (np.asarray(m, dtype=np.float64) for m in (lefts, centers))
    if moves_left.shape != (len(left), 3) or moves_middle.shape != (len(middle), 2):
        raise ValueError(
            f"{len(left)} points on the left and {len(middle)} in the middle do not suit "
            f"{len(moves_left)} and {len(moves_middle)} moves"
        )
    mirror = np.array([-1.0, 1.0, 1.0])
    partner = _partners(places[left] * mirror, places[right])
    moves = np.zeros_like(places)
    moves[left] = moves_left
    moves[right[partner]] = moves_left * mirror
    moves[middle, 1:] = moves_middle
    return places + (moves if mask is None else np.asarray(mask, np.float64)[:, None] * moves)


def _partners(mirrored: Float64Array, right: Float64Array) -> np.ndarray:
    """For each mirrored left point the index of the right point there; coinciding ones in order."""
    if len(mirrored) != len(right):
        raise ValueError(f"{len(mirrored)} points on the left, {len(right)} on the right")
    gaps = np.linalg.norm(mirrored[:, None] - right[None], axis=-1)
    places = np.arange(len(right))
    order = ORDER_WEIGHT_M * np.abs(places[:, None] - places[None])
    rows, partner = linear_sum_assignment(gaps + order)
    if len(right) and gaps[rows, partner].max() > MIRROR_M:
        raise ValueError("the points on the right are no mirror images of those on the left")
    return partner
