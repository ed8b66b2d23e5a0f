# SPDX-License-Identifier: GPL-3.0-or-later
"""How a set that does not say so writes its boxes: with width and height, or with two corners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..people.overlap import overlap
from .image_truth import extent
from .items import BadItem
from .set_file import CORNER_AND_SIZE, CORNERS, EvaluationSet

LOOKED_AT = 50  # items
MARGIN = 0.1  # by which corners must overlap more to be believed


def with_box_format(found: EvaluationSet) -> EvaluationSet:
    """The set, told how its boxes are written, if it is not: as COCO's, left, top, width, height,
    unless they fit what is true in the pictures clearly better as two corners."""
    if found.box_format:
        return found
    sizes, corners = (replace(found, box_format=form) for form in (CORNER_AND_SIZE, CORNERS))
    if fit(corners) > fit(sizes) + MARGIN:
        note = "boxes are read as left, top, right, bottom, for so they fit the joints"
        return replace(corners, notes=(*found.notes, f"{note}; box_format says it for sure"))
    return sizes


def fit(found: EvaluationSet) -> float:
    """Mean overlap of boxes with what else is known in the first items' pictures, 0 to 1; 0 for an
    item whose boxes are none in this format, and if nothing else is known."""
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
    return float(np.mean(overlaps)) if overlaps else 0.0
