# SPDX-License-Identifier: GPL-3.0-or-later
"""Who of the people found is whom of the true ones, by where they are in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...body.arrays import Float64Array
from ..nlf.camera import Camera
from ..people.overlap import overlap
from .image_truth import box_of, joint_pixels
from .items import Item, JointLabel

# A person found can be the true one if their joints are nearer on average than this share of the
# true box's longer side, or if the boxes overlap more than that: who is found where somebody is,
# and localized badly, was not missed.
JOINTS_WITHIN = 0.3
BOXES_FROM = 0.3
# The same share where truth is seen through a lens that is but assumed.
ASSUMED_WITHIN = 1.0
_NEVER = 1e6


def match(
    true_pixels: Sequence[Float64Array],
    true_boxes: Sequence[Float64Array | None],
    found_pixels: Sequence[Float64Array],
    found_boxes: Sequence[Float64Array],
    within: float = JOINTS_WITHIN,
) -> list[int | None]:
    """For each true person the number of the one found, None if there is none.

    Pixels [L,2] of the same joints, NaN where unknown; boxes [4] left, top, right, bottom. Of all
    ways to pair people, each with at most one, the one with the least distances (Hungarian method).
    A single true person of whom nothing is known in the picture is the first one found.
    """
    if not found_boxes or not true_pixels:
        return [None] * len(true_pixels)
    if len(true_pixels) == 1 and true_boxes[0] is None:
        return [0]
    costs = np.full((len(true_pixels), len(found_boxes)), _NEVER)
    for row, (pixels, box) in enumerate(zip(true_pixels, true_boxes, strict=True)):
        if box is not None:
            costs[row] = [
                _cost(pixels, box, other, other_box, within)
                for other, other_box in zip(found_pixels, found_boxes, strict=True)
            ]
    rows, columns = linear_sum_assignment(costs)
    pairs = {int(r): int(c) for r, c in zip(rows, columns, strict=True) if costs[r, c] < _NEVER}
    return [pairs.get(row) for row in range(len(true_pixels))]


def match_item(
    item: Item,
    assumed: Camera,
    labels: Sequence[JointLabel],
    found_pixels: Sequence[Float64Array],
    found_boxes: Sequence[Float64Array],
) -> list[int | None]:
    """`match` for an item's people. Where neither its camera is known nor where its people are in
    the picture, they are taken to be where `assumed` sees their true joints."""
    camera, within = item.camera, JOINTS_WITHIN
    if camera is None and any(box_of(person, None) is None for person in item.people):
        camera, within = assumed, np.inf if len(item.people) == 1 else ASSUMED_WITHIN
    return match(
        [joint_pixels(person, camera, labels) for person in item.people],
        [box_of(person, camera) for person in item.people],
        found_pixels,
        found_boxes,
        within,
    )


def _cost(
    pixels: Float64Array,
    box: Float64Array,
    other: Float64Array,
    other_box: Float64Array,
    within: float,
) -> float:
    """How far a found person is from a true one, in longer sides of the true one's box, or, if
    no joint is known, 1 less the overlap of boxes; _NEVER if it is somebody else."""
    off = np.linalg.norm(pixels - other, axis=1)
    known = np.isfinite(off)
    shared = float(overlap(box, other_box[None])[0])
    if not known.any():
        return 1 - shared if shared > BOXES_FROM else _NEVER
    share = float(off[known].mean() / (box[2:] - box[:2]).max())
    return share if share < within or shared > BOXES_FROM else _NEVER
