# SPDX-License-Identifier: GPL-3.0-or-later
"""How much boxes overlap, and which of them are distinct."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]


def overlap(box: Float64Array, boxes: Float64Array) -> Float64Array:
    """Intersection over union [K] of a box [4] with boxes [K,4]: left, top, right, bottom. Two
    empty boxes do not overlap."""
    first, last = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = (last - first).clip(0).prod(axis=1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - shared
    return np.divide(shared, union, out=np.zeros(len(boxes)), where=union > 0)


def distinct(boxes: Float64Array, scores: Float64Array, threshold: float) -> list[int]:
    """Indices of boxes [N,4] with scores [N], surest first, less those whose overlap with a surer
    one that is kept exceeds the threshold; of equal scores the earlier is the surer."""
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting):
        best, rest = waiting[0], waiting[1:]
        kept.append(int(best))
        waiting = rest[overlap(boxes[best], boxes[rest]) <= threshold]
    return kept


def overlaps(first: Float64Array, second: Float64Array) -> Float64Array:
    """Intersection over union [K] of boxes [K,4] with boxes [K,4], one by one."""
    low, high = np.maximum(first[:, :2], second[:, :2]), np.minimum(first[:, 2:], second[:, 2:])
    shared = (high - low).clip(0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    union = areas[0] + areas[1] - shared
    return np.divide(shared, union, out=np.zeros(len(first)), where=union > 0)
