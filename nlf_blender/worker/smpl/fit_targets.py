# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fit aims at: localized points, weighted by their uncertainties as in the NLF paper."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

UNCERTAINTY_EXPONENT = -1.5
ASSUMED_UNCERTAINTY = 3e-3  # metres, where none is given
LEAST_UNCERTAINTY = 1e-4  # metres; a smaller one would let one point decide alone


class Targets(NamedTuple):
    """N points (vertices, then joints) of P people.

    points [P,N,3] about their weighted mean `center` [P,1,3], 0 where missing; weights [P,N],
    summing to 1, 0 where missing; variance [P]: the weighted mean of the squared uncertainties.
    """

    points: Tensor
    weights: Tensor
    center: Tensor
    variance: Tensor


def make_targets(
    vertices: Tensor,
    joints: Tensor | None,
    vertex_uncertainties: Tensor | None,
    joint_uncertainties: Tensor | None,
    point_weights: Tensor,
) -> Targets:
    """Targets out of vertices [P,Nv,3], joints [P,J,3], and uncertainties [P,Nv] and [P,J].

    point_weights [N]: how much each point counts among points of equal uncertainty.
    Missing (NaN, infinite) points and uncertainties get weight 0; centered, because float32 has no
    digits to spare for people 50 m away.
    """
    people, vertex_count = vertices.shape[:2]
    if joints is None:
        joints = vertices.new_full((people, len(point_weights) - vertex_count, 3), torch.nan)
    points = torch.cat([vertices, joints], dim=1)
    uncertainties = torch.cat(
        [
            _uncertainties(vertices, vertex_uncertainties),
            _uncertainties(joints, joint_uncertainties),
        ],
        dim=1,
    )
    there = points.isfinite().all(-1) & uncertainties.isfinite()
    points = torch.where(there[..., None], points, 0.0)
    uncertainties = torch.where(there, uncertainties, ASSUMED_UNCERTAINTY)
    weights = torch.where(there, point_weights * uncertainties**UNCERTAINTY_EXPONENT, 0.0)
    total = weights.sum(1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
    weights = weights / total
    center = (points * weights[..., None]).sum(1, keepdim=True)
    points = torch.where(there[..., None], points - center, 0.0)
    variance = (weights * uncertainties**2).sum(1).clamp_min(LEAST_UNCERTAINTY**2)
    return Targets(points, weights, center, variance)


def _uncertainties(points: Tensor, given: Tensor | None) -> Tensor:
    if given is None:
        return torch.full_like(points[..., 0], ASSUMED_UNCERTAINTY)
    return given.to(points).clamp_min(LEAST_UNCERTAINTY)
