# SPDX-License-Identifier: GPL-3.0-or-later
"""Which localized people to believe: a false detection, or a second box about the same person,
shows in what was localized. The tests and their limits are those of the official wrapper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64Array = NDArray[np.float64]
CERTAIN_BELOW_M = 0.25
LEAST_CERTAIN = 3  # one point in so many must be certain
LEAST_SHARE_OF_BOX = 0.25
UNLIKE_FROM_M = 0.3
COMPARED = 5  # the worst of every so many points are compared
SAME_FROM = 0.4


def plausible_people(
    points: Sequence[ArrayLike],
    points_2d: Sequence[ArrayLike],
    uncertainty: Sequence[ArrayLike],
    boxes: ArrayLike,
    scores: ArrayLike,
) -> list[int]:
    """Indices of the people of one image to keep, the surest first.

    Of P people: points [P,N,3] metres in camera space, points_2d [P,N,2] pixels, uncertainty [P,N]
    metres, boxes [P,4] left, top, right, bottom in pixels, scores [P] of the detections. Of people
    who are alike, the one whose score is highest for its mean uncertainty stays.
    """
    if len(points) == 0:
        return []
    spread = np.asarray(uncertainty, dtype=np.float64)
    rank = np.asarray(scores, dtype=np.float64) / spread.mean(axis=1)
    plausible = is_certain(spread) & fills_box(points_2d, boxes)
    waiting = [int(i) for i in np.argsort(-rank, kind="stable") if plausible[i]]
    bodies = np.asarray(points, dtype=np.float64)
    kept: list[int] = []
    while waiting:
        best = waiting.pop(0)
        kept.append(best)
        waiting = [i for i in waiting if not similarity(bodies[best], bodies[i]) > SAME_FROM]
    return kept


def is_certain(uncertainty: ArrayLike) -> NDArray[np.bool_]:
    """Whether enough of the points of each person are certain: [P,N] metres -> [P]."""
    certain = np.asarray(uncertainty) < CERTAIN_BELOW_M
    return LEAST_CERTAIN * certain.sum(axis=1) > certain.shape[1]


def fills_box(points_2d: Sequence[ArrayLike], boxes: ArrayLike) -> NDArray[np.bool_]:
    """Whether the box about the points [P,N,2] covers enough of the detection's [P,4], so [P].

    Only the detection's area counts, so that people who are cut off by the picture pass. Points
    without a pixel (NaN) are left out.
    """
    given = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    pixels = np.asarray(points_2d, dtype=np.float64)
    seen = np.isfinite(pixels).all(axis=-1, keepdims=True)
    first = np.where(seen, pixels, np.inf).min(axis=1)
    last = np.where(seen, pixels, -np.inf).max(axis=1)
    shared = np.minimum(last, given[:, 2:]) - np.maximum(first, given[:, :2])
    area = (given[:, 2:] - given[:, :2]).prod(axis=1)
    return shared.clip(0).prod(axis=1) > LEAST_SHARE_OF_BOX * area


def similarity(first: ArrayLike, second: ArrayLike) -> float:
    """How alike two people's points [N,3] are, metres in camera space: 1 the same, 0 others.

    Distance from the camera is unsure, so both are first scaled about it to the same mean square;
    then the points that differ most decide.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    square, other_square = np.square(one).mean(), np.square(other).mean()
    mean = (square + other_square) / 2
    difference = one * np.sqrt(mean / square) - other * np.sqrt(mean / other_square)
    distance = np.sort(np.linalg.norm(difference, axis=-1))
    worst = distance[-max(1, len(distance) // COMPARED) :]
    return float((1 - worst / UNLIKE_FROM_M).clip(0).mean())
