# SPDX-License-Identifier: GPL-3.0-or-later
"""A marker set that was placed on one canonical body, on another."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ...errors import UserError
from ...protocol.marker_set import MarkerSet
from ..smpl.canonical.placement import CanonicalPlacement
from ..smpl.canonical.surface_carry import carry_along_surface
from .known_bodies import KnownBodies

# Of the vertices with a counterpart. The open body's mouth, tongue and eyes, a seventh of its
# vertices, have none on SMPL; bodies with far fewer hardly lie on each other.
LEAST_SHARE = 0.7


class Carried(NamedTuple):
    """A set on another body, and what the user should know of how it got there, or ""."""

    markers: MarkerSet
    note: str = ""


def on_other_body(markers: MarkerSet, kind: str, bodies: KnownBodies) -> Carried:
    """The set on the canonical body `kind`, along the bodies' surfaces. Symmetric sets stay so if
    the body that they come from is symmetric.

    UserError if one of the bodies is not at hand, or if they cannot be laid on each other.
    """
    if kind == markers.body:
        return Carried(markers)
    source, target = bodies.own_of(markers), bodies.own(kind)
    try:
        found = carry_along_surface(source, target, target.vertices)
    except ValueError as error:  # no vertex has a counterpart
        raise UserError(
            "No way from body to body",
            f"{target.body.name or kind} and {source.body.name or markers.body} cannot be laid on "
            f"each other: {error}.",
            "Check that the body file is whole and of a person, or choose another.",
        ) from error
    placement = CanonicalPlacement(found.points, source, "", {})
    places = placement.map.map(markers.positions) + 0.0  # -0 becomes 0
    moved = tuple(
        replace(marker, position=(float(x), float(y), float(z)))
        for marker, (x, y, z) in zip(markers.markers, places, strict=True)
    )
    note = f"Carried over from the body '{markers.body}' to '{kind}' along their surfaces."
    if found.share < LEAST_SHARE:
        note += f" Only {found.share:.0%} of the vertices have a counterpart: look at the result."
    return Carried(replace(markers, body=kind, markers=moved, gender=bodies.gender(kind)), note)
