# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical space that a model's field is defined in, and what its file tells of it.

Every model localizes points of one canonical space: the mean body, metres, y up, arms and legs
spread. The default model's is that of the open body; the official models' is that of SMPL. A file
may list points of known bodies in its space, by which any other body can be carried into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...body.arrays import Float64Array

OPEN_SPACE = "open"
SMPL_SPACE = "smpl"


@dataclass(frozen=True, eq=False)
class CanonicalBody:
    """A body in canonical space, metres.

    vertices [n,3]: all of the body's vertices in its file's order if `whole`, else some of them,
    unnumbered. joints [J,3], in the body's order.
    """

    vertices: Float64Array
    joints: Float64Array
    whole: bool = False


@dataclass(frozen=True, eq=False)
class CanonicalSpace:
    """name: OPEN_SPACE or SMPL_SPACE. bodies: by kind ("smpl", "smplh", "smplx"), what the model's
    files tell. locations [L,3]: the points that the model was trained on, or None. bounds [2,3]:
    the lowest and highest coordinates of the volume that the field was made for, or None.
    joint_sets: places [3] of named joints of datasets, by set, as training learnt them."""

    name: str
    bodies: Mapping[str, CanonicalBody] = field(default_factory=dict[str, CanonicalBody])
    locations: Float64Array | None = None
    bounds: Float64Array | None = None
    joint_sets: Mapping[str, Mapping[str, Float64Array]] = field(
        default_factory=dict[str, Mapping[str, Float64Array]]
    )
