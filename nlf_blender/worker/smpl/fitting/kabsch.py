# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of a fit: every part's orientation on its own, by Kabsch's method, in the mean shape.

This is the first half of the NLF paper's alternation. Vertices as well as joints tell of every
part, the more the more they belong to it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .points import FitPoints
from .targets import Targets

# What the turn of the whole body counts in a part, relative to the part's own points: next to
# nothing, but all where these leave a turn open (no points, all on a line).
WHOLE_BODY_SHARE = 1e-4


def nearest_rotation(matrices: Tensor) -> Tensor:
    """The rotations R [...,3,3] that maximise tr(R^T K) for K [...,3,3] (Kabsch 1976)."""
    left, _, right = torch.linalg.svd(matrices)
    sign = torch.linalg.det(left @ right).sign()
    flipped = torch.cat([left[..., :2], left[..., 2:] * sign[..., None, None]], dim=-1)
    return flipped @ right


def part_orientations(points: FitPoints, targets: Targets) -> tuple[Tensor, Tensor]:
    """Orientations [P,J,3,3] in space, and the size [P] of the targets relative to the body's.

    The size is that of Umeyama (1991) over all parts: how much farther from their part's middle
    the targets lie than the template's points, along the directions that agree.
    """
    count = points.joint_count
    pull = targets.points * targets.weights[:, None]
    outer = (pull.flatten(0, 1) @ points.part_rows).view(len(pull), 3, count, 4)
    outer = outer.permute(0, 2, 1, 3)
    sums = (targets.weights @ points.part_rows).view(-1, count, 4)
    mass = sums[..., 3:].clamp_min(torch.finfo(sums.dtype).tiny)
    evidence = outer[..., :3] - outer[..., 3:] * (sums[..., :3] / mass)[:, :, None]
    whole = nearest_rotation(pull @ points.template.view(3, -1).T)
    strength = evidence.norm(dim=(-2, -1), keepdim=True)
    least = strength.amax(1, keepdim=True).clamp_min(torch.finfo(sums.dtype).tiny)
    share = WHOLE_BODY_SHARE * (strength + WHOLE_BODY_SHARE * least)
    orientations = nearest_rotation(evidence + share * whole[:, None])
    agreement = (orientations * evidence).sum((1, 2, 3))
    return orientations, agreement / _part_spread(points, targets.weights, sums, mass)


def _part_spread(points: FitPoints, weights: Tensor, sums: Tensor, mass: Tensor) -> Tensor:
    """How far [P] the template's points lie from the middles of their parts, squared and summed."""
    squares = points.template.view(3, -1).square().sum(0)
    total = weights @ (points.membership.sum(1) * squares)
    middles = (sums[..., :3].square() / mass).sum((1, 2))
    return (total - middles).clamp_min(torch.finfo(total.dtype).eps)
