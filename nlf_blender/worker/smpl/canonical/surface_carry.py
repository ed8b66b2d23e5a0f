# SPDX-License-Identifier: GPL-3.0-or-later
"""A body's canonical points read off the surface of another body whose canonical points are known.

SMPL-X from SMPL, any body from an SMPL-family file, and these from the open body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....body.arrays import Float64Array
from ..body_model import BodyModel
from ..conversion.correspondence import Correspondence, closest_surface_correspondence
from .carry import LEAST_CONFIDENCE, carried_points
from .own_canonical import OwnCanonical


@dataclass(frozen=True, eq=False)
class CarriedPoints:
    """points [V+J,3], metres; share: of the vertices that have a counterpart on the other body."""

    points: Float64Array
    share: float


def carry_along_surface(
    own: OwnCanonical,
    reference: OwnCanonical,
    placed: Float64Array,
    correspondence: Correspondence | None = None,
) -> CarriedPoints:
    """The body's points where it lies on the reference, whose vertices are at placed [Vr,3].

    correspondence: the published one of this pair, from the reference to the body; without, each
    vertex at the closest point of the aligned surfaces. UserError if the bodies cannot be aligned;
    ValueError if the correspondence is of other bodies.
    """
    if correspondence is None:
        both = own.posed and reference.posed  # else rest poses are aligned
        source = reference.for_alignment() if both else reference.body
        target = own.for_alignment() if both else own.body
        correspondence = closest_surface_correspondence(BodyModel(source), target)
    if correspondence.matrix.shape != (len(own.vertices), len(placed)):
        raise ValueError(f"a correspondence of shape {correspondence.matrix.shape}")
    confidence = correspondence.confidence
    points = carried_points(own, correspondence.matrix @ placed, confidence)
    return CarriedPoints(points, float(np.mean(confidence >= LEAST_CONFIDENCE)))
