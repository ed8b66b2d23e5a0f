# SPDX-License-Identifier: GPL-3.0-or-later
"""Where any body's vertices and joints are in the canonical space of any model.

README.md has the ways, in their order of preference, and how near each comes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ....body.arrays import Float64Array
from ....body.body_data import BodyData, load_body_npz
from ....errors import UserError
from ...assets import OPEN_BODY
from ...nlf.canonical_space import OPEN_SPACE, CanonicalSpace
from .own_canonical import OwnCanonical, in_smpl_family, own_canonical
from .placed import Placed

if TYPE_CHECKING:
    from ..conversion.correspondence import Correspondence
    from .canonical_map import CanonicalMap

# What carries points is imported where it is called: it loads much of scipy, which the open body in
# its own space can spare.


@dataclass(frozen=True, eq=False)
class CanonicalPlacement:
    """A body in a model's canonical space, metres.

    points [V+J,3]: vertices, then joints; own: the same in the body's own canonical space.
    how: a sentence for people, who should be told it if the points are `approximate`. figures: what
    was measured on the way, metres and shares by name.
    """

    points: Float64Array
    own: OwnCanonical = field(repr=False)
    how: str
    figures: Mapping[str, float]
    approximate: bool = False

    @functools.cached_property
    def map(self) -> CanonicalMap:
        """From the body's own canonical space into the model's, for markers and the like."""
        from .canonical_map import CanonicalMap

        return CanonicalMap(self.own.points, self.points, self.own.mirror_points)


def canonical_points(
    body: BodyData,
    space: CanonicalSpace,
    reference: BodyData | None = None,
    correspondence: Correspondence | None = None,
) -> CanonicalPlacement:
    """The body's points for a model of this space; the same for the same arguments.

    reference: for SMPL's space, a body of the SMPL family (for SMPL-X: SMPL itself); for the open
    body's space, another open body than the one of the assets. correspondence: the published one
    from the reference to the body, instead of the closest surface.
    UserError if nothing tells how the body stands in this space.
    """
    if correspondence is not None and reference is None:
        raise ValueError("a correspondence without the reference that it is from")
    own = own_canonical(body)
    if space.name == OPEN_SPACE:
        placed = _in_open_space(own, reference, correspondence)
    else:
        from .smpl_space import in_smpl_space

        placed = in_smpl_space(own, space, reference, correspondence)
    return CanonicalPlacement(placed.points, own, placed.how, placed.figures, placed.approximate)


def _in_open_space(
    own: OwnCanonical, reference: BodyData | None, correspondence: Correspondence | None
) -> Placed:
    if own.posed and not in_smpl_family(own.body):
        return Placed(own.points, "The canonical points of the body's file.")
    from .surface_carry import carry_along_surface

    open_own = own_canonical(reference or load_body_npz(OPEN_BODY))
    if not open_own.posed or in_smpl_family(open_own.body):
        raise UserError(
            "Reference body without canonical points",
            f"{open_own.body.name or 'The reference'} does not say how it stands in the model's "
            "canonical space.",
            "Use the open body as the reference.",
        )
    found = carry_along_surface(own, open_own, open_own.vertices, correspondence)
    how = f"Carried over from the surface of {open_own.body.name or 'the open body'}."
    return Placed(found.points, how, {"share_with_counterpart": found.share})
