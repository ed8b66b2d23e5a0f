# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fit aims at: points, how much each counts, and how far all of them are to be believed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_UNCERTAINTY = 1e-4  # metres; a smaller one would let one point decide alone


class Targets(NamedTuple):
    """N points of P people.

    points [P,3,N] about their weighted mean center [P,3], 0 where missing; weights [P,N], summing
    to 1 (to 0 where a person has no points), 0 where missing; evidence [P]: how many independent
    points all of them amount to; variance [P]: of a coordinate of one of those, m^2, NaN where
    nobody said, so that the fit finds out from its residuals.
    """

    points: Tensor
    weights: Tensor
    center: Tensor
    evidence: Tensor
    variance: Tensor

    def people(self, chosen: slice) -> Targets:
        """Some of the people."""
        return Targets(*(item[chosen] for item in self))


def make_targets(
    points: Tensor,
    weights: Tensor,
    uncertainties: Tensor | None,
    exponent: float,
    independent_points: float | None,
) -> Targets:
    """Targets from points [P,N,3], weights [P,N] and uncertainties [P,N] in metres.

    A point counts as its weight times its uncertainty to the power of -exponent. Points, weights
    or uncertainties that are not finite, and weights of 0 or less, mean missing. Points are
    centered, because float32 has no digits to spare for people 50 m away.
    """
    there = points.isfinite().all(-1) & weights.isfinite() & (weights > 0)
    if uncertainties is not None:
        there = there & uncertainties.isfinite()
        uncertainties = torch.where(there, uncertainties, 1.0).clamp_min(LEAST_UNCERTAINTY)
        weights = weights * uncertainties**-exponent
    tiny = torch.finfo(points.dtype).tiny
    weights = torch.where(there, weights, 0.0)
    weights = weights / weights.sum(1, keepdim=True).clamp_min(tiny)
    found = torch.where(there[..., None], points, 0.0)
    center = (found * weights[..., None]).sum(1)
    centered = torch.where(there[..., None], found - center[:, None], 0.0)
    evidence = 1 / (weights * weights).sum(1).clamp_min(tiny)
    evidence = torch.where(there.any(1), evidence, 1.0)
    if independent_points is not None:
        evidence = evidence.clamp_max(independent_points)
    variance = torch.full_like(evidence, torch.nan)
    if uncertainties is not None:
        variance = (weights * uncertainties**2).sum(1).clamp_min(LEAST_UNCERTAINTY**2)
    return Targets(centered.transpose(1, 2).contiguous(), weights, center, evidence, variance)


def coarse_targets(targets: Targets, rows: Tensor, counts: Tensor) -> Targets:
    """Targets at n of N points: rows [n] says which, counts [n] how many each stands for."""
    weights = targets.weights[:, rows] * counts
    total = weights.sum(1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
    weights = weights / total
    points = targets.points[:, :, rows]
    means = points @ weights[..., None]
    points = torch.where(weights[:, None] > 0, points - means, 0.0)
    return targets._replace(points=points, weights=weights, center=targets.center + means[..., 0])
