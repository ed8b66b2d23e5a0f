# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a model's space a body stands, by the extent of what the model's field was made for.

The pose and the shape of the canonical body are known better than where its origin was put; but a
field is normalized by the bounds of the canonical volume, which every model file holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ....body.arrays import Float64Array
from ...nlf.canonical_space import CanonicalSpace
from .placed import Placed

LEAST_SHIFT = 0.02  # metres; smaller ones may be a matter of hair, heels and rounding
SIDES_AGREE = 0.03  # metres; both bounds of an axis must say the same
DOES_NOT_FIT = " The bounds of the model's field are not those of this body."


class Fit(NamedTuple):
    """shift [3]: what brings a body's bounds to the field's; fits: whether the sizes are alike."""

    shift: Float64Array
    fits: bool


def bounds_fit(points: Float64Array, bounds: Float64Array) -> Fit:
    """How points [N,3] lie in a field's bounds [2,3], metres. The middle plane x = 0 stays."""
    gaps = bounds - np.stack([points.min(axis=0), points.max(axis=0)])
    agree = np.abs(gaps[1] - gaps[0]) < SIDES_AGREE
    shift = np.where(agree & (np.abs(gaps.mean(axis=0)) > LEAST_SHIFT), gaps.mean(axis=0), 0.0)
    shift[0] = 0.0
    return Fit(shift, bool(agree[1]))


def within_bounds(placed: Placed, vertex_count: int, space: CanonicalSpace) -> Placed:
    """Points placed without any that the model lists, moved to where its field lies."""
    if space.bounds is None:
        return placed
    shift, fits = bounds_fit(placed.points[:vertex_count], space.bounds)
    if not fits:
        return replace(placed, how=placed.how + DOES_NOT_FIT, approximate=True)
    figures = {**placed.figures, "moved_into_bounds": float(np.linalg.norm(shift))}
    return replace(placed, points=placed.points + shift, figures=figures)
