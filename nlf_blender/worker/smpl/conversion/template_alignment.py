# SPDX-License-Identifier: GPL-3.0-or-later
"""One body model fitted to another's template, so that their surfaces lie on each other.

Rest poses, mean persons, scales and origins differ between models. The source is posed and shaped
by its own parameters: first by the joints that both have, then, again and again, by pulling its
vertices onto the tangent planes of the target's closest surface points (Chen and Medioni, 1992).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ....body.arrays import Float64Array
from ....body.body_data import BodyData
from ....errors import UserError
from ..body_model import BodyModel, PosedBody
from ..fitting.fit import Fit, FitSettings, fit
from ..fitting.start import FitStart
from ..surface_normals import vertex_normals
from .body_regions import RegionSurface, SharedRegions

# Metres: in each round, vertices this far from the target's surface pull with a third of the
# weight of those on it. Wide at first, for limbs that are apart; at last narrow, for parts that
# only one body has.
ROUNDS = (0.08, 0.06, 0.04, 0.03, 0.02, 0.02, 0.015, 0.015, 0.01, 0.01)
LEAST_AGREEMENT = 0.5  # cosine between normals of points that can be the same
MOST_SIZE_RATIO = 3.0  # of two bodies, an adult's and a child's among them
JOINT_BETAS = 3  # joints alone tell size and proportions only
SURFACE_BETAS = 16


def align_templates(
    source: BodyModel, target: BodyData, regions: SharedRegions
) -> tuple[Float64Array, Float64Array]:
    """Source vertices [Vs,3] fitted to the target's template, and that template [Vt,3]; metres.

    Where both bodies have canonical points, these are the target's template and the source starts
    from its own: they say how the limbs are turned, which joints alone do not. Else it starts from
    its rest pose, and limbs are swung, not twisted, to where the target's are. UserError for
    bodies of sizes that no two people have.
    """
    _check_sizes(source.body, target, regions)
    canonical = source.body.has_canonical_points and target.has_canonical_points
    vertices = target.canonical_vertices if canonical else target.v_template
    joints = target.canonical_joints if canonical else target.joints_template
    assert vertices is not None and joints is not None
    chosen = source.spread_vertices.cpu().numpy()
    surface = RegionSurface(vertices, target.faces, regions.of_vertex[1], regions.touching)
    start, offset = _start(source, canonical)
    found = _fit_joints(source, joints[regions.joints[:, 1]], regions, start)
    for reach in ROUNDS:
        posed = _posed(source, found) + offset
        normals = vertex_normals(posed, source.body.faces)[chosen]
        near = surface.query(posed[chosen], regions.of_vertex[0][chosen])
        planes = surface.normals_at(near)
        height = np.einsum("nc,nc->n", near.positions - posed[chosen], planes)
        agree = np.einsum("nc,nc->n", normals, planes) > LEAST_AGREEMENT
        weights = np.where(agree, np.exp(-((near.distances / reach) ** 2)), 0.0)
        found = fit(
            _tensor((posed - offset)[chosen] + height[:, None] * planes, source)[None],
            source,
            _tensor(weights, source),
            vertex_indices=torch.from_numpy(chosen).to(source.v_template.device),
            settings=FitSettings(beta_count=min(SURFACE_BETAS, source.beta_count)),
            start=FitStart(found.pose, found.betas),
        )
    return _posed(source, found) + offset, vertices


def _start(source: BodyModel, canonical: bool) -> tuple[FitStart, Float64Array]:
    """Where the source begins, and [Vs,3] what its own parameters do not tell of its shape there.

    It begins at rest, or, fitted to its own points, in canonical space.
    """
    like = source.v_template
    if not canonical:
        at_rest = FitStart(like.new_zeros(1, len(source.parents), 3), like.new_zeros(1, 1))
        return at_rest, np.zeros(like.shape)
    vertices = source.body.canonical_vertices
    assert vertices is not None
    settings = FitSettings(beta_count=min(JOINT_BETAS, source.beta_count))
    own = fit(_tensor(vertices, source)[None], source, settings=settings)
    return FitStart(own.pose, own.betas), vertices - _posed(source, own)


def _fit_joints(
    source: BodyModel, joints: Float64Array, regions: SharedRegions, start: FitStart
) -> Fit:
    """The source with its common joints at joints [R,3], as near to the start as they allow."""
    return fit(
        _tensor(joints, source)[None],
        source,
        joint_indices=torch.from_numpy(regions.joints[:, 0]).to(source.v_template.device),
        settings=FitSettings(beta_count=min(JOINT_BETAS, source.beta_count)),
        start=start,
        expected_pose=start.pose,  # joints leave open how limbs are twisted
    )


def _check_sizes(source: BodyData, target: BodyData, regions: SharedRegions) -> None:
    """UserError if the joints of one body lie so much further apart that units must differ."""
    spreads = [
        body.joints_template[regions.joints[:, side]].std(axis=0).max()
        for side, body in enumerate((source, target))
    ]
    ratio = float(spreads[1] / spreads[0])
    if not 1 / MOST_SIZE_RATIO < ratio < MOST_SIZE_RATIO:
        raise UserError(
            "Bodies of different size",
            f"{target.name or 'the target'} is {ratio:.3g} times as large as "
            f"{source.name or 'the source'}.",
            "Use body files in metres.",
        )


@torch.no_grad()
def _posed(source: BodyModel, found: Fit) -> Float64Array:
    posed: PosedBody = source(found.pose, found.betas, found.translation)
    return posed.vertices[0].double().cpu().numpy()


def _tensor(array: Float64Array | None, like: BodyModel) -> Tensor:
    return torch.as_tensor(array).to(like.v_template)
