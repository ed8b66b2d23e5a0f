# SPDX-License-Identifier: GPL-3.0-or-later
"""Projection and means over the points that are known."""

from __future__ import annotations

import torch
from torch import Tensor

NEAREST_M = 0.05


def project(points: Tensor, intrinsics: Tensor) -> Tensor:
    """Points [P,N,3] in the crops' cameras -> pixels [P,N,2]; what is nearer than 5 cm is seen as
    if there."""
    seen = points @ intrinsics.mT
    return seen[..., :2] / seen[..., 2:].clamp_min(NEAREST_M)


def masked_mean(values: Tensor, known: Tensor) -> Tensor:
    """Means [P] of values [P,N] over the known ones [P,N]; 0 where there are none."""
    kept = torch.where(known, values, torch.zeros_like(values))
    return kept.sum(dim=1) / known.sum(dim=1).clamp_min(1)


def about_mean(points: Tensor, known: Tensor) -> Tensor:
    """Points [P,N,3] about the mean of the known ones [P,N]."""
    kept = torch.where(known[..., None], points, torch.zeros_like(points))
    count = known.sum(dim=1).clamp_min(1)
    return points - (kept.sum(dim=1) / count[:, None])[:, None]


def lengths(vectors: Tensor) -> Tensor:
    """Lengths [...] of vectors [...,D], with a gradient of zero, not NaN, where they are zero."""
    squares = vectors.square().sum(dim=-1)
    zero = squares == 0
    safe = torch.where(zero, torch.ones_like(squares), squares)
    return torch.where(zero, torch.zeros_like(squares), safe.sqrt())
