# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose box is which, in an item that has more or fewer boxes than people of whom more is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...body.arrays import Float64Array
from ..nlf.camera import Camera
from ..people.overlap import overlap
from .image_truth import extent
from .items import TruePerson

OVERLAP_FROM = 0.15  # of a box with that around the joints, which may be a few on one arm


def with_owners(
    people: Sequence[TruePerson], boxes: Sequence[Float64Array | None], camera: Camera | None
) -> list[TruePerson] | None:
    """The people with the boxes [4] that fit best what is true of them in the picture; further
    people of whom only the box is known follow. None if somebody's place in the picture is
    unknown, or if somebody has a box that is left over while somebody else has none."""
    given = [box for box in boxes if box is not None]
    places = [extent(person, camera) for person in people]
    if not given or any(place is None for place in places):
        return None
    fit = np.array([overlap(place, np.stack(given)) for place in places if place is not None])
    rows, columns = linear_sum_assignment(-fit)
    pairs = {int(r): int(c) for r, c in zip(rows, columns, strict=True) if fit[r, c] > OVERLAP_FROM}
    if len(pairs) < min(len(people), len(given)):
        return None
    owned = [
        replace(person, box=given[pairs[row]]) if row in pairs else person
        for row, person in enumerate(people)
    ]
    others = [TruePerson(box=box) for i, box in enumerate(given) if i not in pairs.values()]
    return owned + others
