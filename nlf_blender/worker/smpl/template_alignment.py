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

from ...body.arrays import Float64Array
from ...body.body_data import BodyData
from ...errors import UserError
from .body_model import BodyModel, PosedBody
from .body_regions import RegionSurface, SharedRegions, vertex_normals
from .fit_start import FitStart
from .fitting import Fit, FitSettings, fit

# Metres: in each round, vertices this far from the target's surface pull with a third of the
# weight of those on it. Wide at first, for limbs that are apart; at last narrow, for parts that
# only one body has.
ROUNDS = (0.08, 0.06, 0.04, 0.03, 0.02, 0.02, 0.015, 0.015, 0.01, 0.01)
LEAST_AGREEMENT = 0.5  # cosine between normals of points that can be the same
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
    canonical = has_canonical_points(source.body) and has_canonical_points(target)
    vertices = target.canonical_vertices if canonical else target.v_template
    joints = target.canonical_joints if canonical else target.joints_template
    assert vertices is not None and joints is not None
    chosen = source.spread_vertices.cpu().numpy()
    surface = RegionSurface(vertices, target.faces, regions.of_vertex[1], regions.touching)
    found = _fit_joints(source, joints[regions.joints[:, 1]], regions, canonical)
    for reach in ROUNDS:
        posed = _posed(source, found)
        normals = vertex_normals(posed, source.body.faces)[chosen]
        near = surface.query(posed[chosen], regions.of_vertex[0][chosen])
        planes = surface.normals_at(near)
        height = np.einsum("nc,nc->n", near.positions - posed[chosen], planes)
        agree = np.einsum("nc,nc->n", normals, planes) > LEAST_AGREEMENT
        weights = np.where(agree, np.exp(-((near.distances / reach) ** 2)), 0.0)
        found = fit(
            _tensor(posed[chosen] + height[:, None] * planes, source)[None],
            source,
            _tensor(weights, source),
            vertex_indices=torch.from_numpy(chosen).to(source.v_template.device),
            settings=FitSettings(beta_count=min(SURFACE_BETAS, source.beta_count)),
            start=FitStart(found.pose, found.betas),
        )
    return _posed(source, found), vertices


def has_canonical_points(body: BodyData) -> bool:
    """Whether a body's file says how it stands in canonical space."""
    return body.canonical_vertices is not None and body.canonical_joints is not None


def _fit_joints(
    source: BodyModel, joints: Float64Array, regions: SharedRegions, canonical: bool
) -> Fit:
    """The source with its common joints at joints [R,3], in its canonical pose if it has one."""
    settings = FitSettings(beta_count=min(JOINT_BETAS, source.beta_count))
    like = source.v_template
    start = FitStart(
        like.new_zeros(1, len(source.parents), 3), like.new_zeros(1, settings.beta_count)
    )
    if canonical:
        own = fit(_tensor(source.body.canonical_vertices, source)[None], source, settings=settings)
        start = FitStart(own.pose, own.betas)
    indices = torch.from_numpy(regions.joints[:, 0]).to(source.v_template.device)
    found = fit(
        _tensor(joints, source)[None], source, joint_indices=indices, settings=settings, start=start
    )
    if found.rescaled.any():
        raise UserError(
            "Bodies of different size",
            f"{source.body.name or 'the source'} would have to be {found.scale.item():.3g} times "
            "as large as it is to be a person of the other body's size.",
            "Use body files in metres.",
        )
    return found


@torch.no_grad()
def _posed(source: BodyModel, found: Fit) -> Float64Array:
    posed: PosedBody = source(found.pose, found.betas, found.translation)
    return posed.vertices[0].double().cpu().numpy()


def _tensor(array: Float64Array | None, like: BodyModel) -> Tensor:
    return torch.as_tensor(array).to(like.v_template)
