# SPDX-License-Identifier: GPL-3.0-or-later
"""How a set that does not say so writes its boxes: with width and height, or with two corners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...body.arrays import Float64Array
from ...errors import UserError
from ..people.overlap import overlap
from .image_truth import extent
from .items import BadItem, Item
from .set_file import CORNER_AND_SIZE, CORNERS, EvaluationSet

LOOKED_AT = 50  # items
MARGIN = 0.1  # by which corners must overlap more to be believed


def with_box_format(found: EvaluationSet) -> EvaluationSet:
    """The set, told how its boxes are written, if it is not: as COCO's, left, top, width, height,
    unless they fit the pictures, and what is true in them, clearly better as two corners."""
    if found.box_format:
        return found
    sizes, corners = (replace(found, box_format=form) for form in (CORNER_AND_SIZE, CORNERS))
    if fit(corners) > fit(sizes) + MARGIN:
        note = "boxes are read as left, top, right, bottom, for so they fit the pictures"
        return replace(corners, notes=(*found.notes, f"{note}; box_format says it for sure"))
    return sizes


def fit(found: EvaluationSet) -> float:
    """How well boxes fit what else is known in the first items' pictures, 0 to 1: mean overlap, or
    where nothing is, the share of the box within the picture. 0 for an item whose boxes are none
    in this format."""
    overlaps: list[float] = []
    for index in range(min(len(found), LOOKED_AT)):
        try:
            item = found.read(index)
        except BadItem:
            overlaps.append(0.0)
            continue
        for person in item.people:
            around = extent(person, item.camera)
            if person.box is not None and around is not None:
                overlaps.append(float(overlap(person.box, around[None])[0]))
            elif person.box is not None:
                overlaps.append(_within(person.box, item))
    return float(np.mean(overlaps)) if overlaps else 0.0


def _within(box: Float64Array, item: Item) -> float:
    """The share of a box that is in its item's picture; 0 if that cannot be read."""
    try:
        height, width = item.read().image.shape[:2]
    except UserError:
        return 0.0
    inside = np.clip(box, 0, [width, height, width, height])
    return float((inside[2:] - inside[:2]).prod() / (box[2:] - box[:2]).prod())
