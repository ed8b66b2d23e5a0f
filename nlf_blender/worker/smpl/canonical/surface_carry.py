# SPDX-License-Identifier: GPL-3.0-or-later
"""A body's canonical points read off the surface of another body whose canonical points are known.

SMPL-X from SMPL, any body from an SMPL-family file, and these from the open body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....body.arrays import Float64Array
from ....body.body_data import BodyData
from ..conversion.body_regions import shared_regions
from ..conversion.correspondence import Correspondence, aligned_correspondence
from .body_fit import FittedBody
from .carry import LEAST_CONFIDENCE, carried_points
from .cloud_fit import fit_to_surface
from .joint_fit import fit_to_joints
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
    known = correspondence or _closest(own.at_rest(), reference.body)
    if known.matrix.shape != (len(own.vertices), len(placed)):
        raise ValueError(f"a correspondence of shape {known.matrix.shape}")
    there = known.confidence >= LEAST_CONFIDENCE
    positions = known.matrix @ placed
    points = carried_points(own, positions, known.confidence)
    if correspondence is not None:  # as the official release, which does not make it symmetric
        points[: len(there)][there] = positions[there]
    return CarriedPoints(points, float(np.mean(there)))


def _closest(own: OwnCanonical, reference: BodyData) -> Correspondence:
    """Found at rest, where other places of the joints do not make another shape."""
    start = fit_to_joints(FittedBody(own), reference.skeleton, reference.joints_template)
    found = fit_to_surface(start, reference.v_template)
    vertices = found.points[: len(own.vertices)]
    regions = shared_regions(reference, own.body)
    return aligned_correspondence(reference, own.body, reference.v_template, vertices, regions)
