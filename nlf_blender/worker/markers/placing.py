# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the points of a point set are in a model's canonical space, and on the fitted body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...body.arrays import Float64Array
from ...body.body_data import BodyData
from ...errors import UserError
from ...protocol.marker_set import OPEN, body_title
from ...protocol.point_set import PointSet
from ..smpl.canonical.canonical_map import CanonicalMap
from ..smpl.canonical.own_canonical import in_smpl_family
from ..smpl.canonical.placement import CanonicalPlacement
from .attachment import Attachment, attach

FAR = 0.15  # metres outside of the skin; the model has seen no points there
NAMED = 5  # markers that a note names


@dataclass(frozen=True, eq=False)
class PlacedPoints:
    """A point set ready to be localized. points [K,3]: metres, the model's canonical space;
    attachment: to the fitted body; wanted [K]: whether they are localized at all; notes: what the
    user should know."""

    points: Float64Array
    attachment: Attachment
    wanted: np.ndarray
    notes: tuple[str, ...] = ()


def body_kind(body: BodyData, open_sha256: str) -> str:
    """Which canonical body (marker_set.BODIES) a body is, "" for none of them. open_sha256: of the
    open body's file."""
    if in_smpl_family(body):
        return body.kind
    return OPEN if body.sha256 == open_sha256 else ""


def body_gender(body: BodyData) -> str:
    """Which of its kind a body of SMPL's family is, "" for others."""
    return body.gender if in_smpl_family(body) else ""


def place_points(
    points: PointSet,
    fitted: CanonicalPlacement,
    fitted_kind: str,
    placement_of: Callable[[str, str], CanonicalPlacement | None],
) -> PlacedPoints:
    """Place a point set. fitted: the body that is fitted, in the model's space, of this kind;
    placement_of(kind, gender): another canonical body there, None if it is not to be had.
    UserError if the set is of such a one."""
    notes: list[str] = []
    if points.body == fitted_kind and points.gender in ("", body_gender(fitted.own.body)):
        own, in_fitted = fitted, points.points
        placed = own.map.map(points.points)
    else:
        body = body_title(points.body, points.gender)
        found = placement_of(points.body, points.gender)
        if found is None:
            raise UserError(
                "Points of another body",
                f"{points.name} was placed on the canonical body '{body}', whose file is not "
                "there.",
                "Choose that body in the preferences (--body), or a folder with its file "
                "(--body-folder), or convert the set to the body that is used.",
            )
        own = found
        placed = own.map.map(points.points)
        in_fitted = CanonicalMap(fitted.points, fitted.own.points, None).map(placed)
        notes.append(f"{points.name} was carried over from the body '{body}'. {own.how}")
    attachment = attach(fitted.own, in_fitted)
    far = attachment.above > FAR
    if far.any():
        notes.append(_far_note(points, far))
    wanted = np.ones(len(far), dtype=bool) if points.force else ~far
    return PlacedPoints(placed, attachment, wanted, tuple(notes))


def _far_note(points: PointSet, far: np.ndarray) -> str:
    count = int(far.sum())
    which = np.flatnonzero(far)[:NAMED]
    names = ", ".join(points.names[i] if points.names else f"number {i + 1}" for i in which)
    more = f" and {count - NAMED} more" if count > NAMED else ""
    told = "are guesses" if points.force else "are not localized"
    return (
        f"{count} points of {points.name} are more than {100 * FAR:.0f} cm outside of the body and "
        f"{told}: {names}{more}."
    )
