# SPDX-License-Identifier: GPL-3.0-or-later
"""Orientations from point correspondences: Kabsch's problem, for many parts at once."""

from __future__ import annotations

import torch
from torch import Tensor


def nearest_rotation(matrices: Tensor) -> Tensor:
    """The rotations R [...,3,3] that maximise tr(R^T K) for K [...,3,3] (Kabsch 1976)."""
    # Metal has no SVD; these are a few hundred 3x3 matrices
    work = matrices.cpu() if matrices.device.type == "mps" else matrices
    left, _, right = torch.linalg.svd(work)
    sign = torch.linalg.det(left @ right).sign()
    flipped = torch.cat([left[..., :2], left[..., 2:] * sign[..., None, None]], dim=-1)
    return (flipped @ right).to(matrices.device)


def orientations_down_the_tree(
    evidence: Tensor, levels: tuple[tuple[int, ...], ...], parents: tuple[int, ...], prior: Tensor
) -> Tensor:
    """Orientations [P,J,3,3] that fit evidence K [P,J,3,3], with the parent's as a weak prior.

    Where the points leave a turn open (no points, all on a line), the parent's orientation
    decides it; elsewhere it weighs as much as `prior` [P], in the units of the evidence, m^2. The
    root's prior is no rotation.
    """
    result = torch.empty_like(evidence)
    identity = torch.eye(3, dtype=evidence.dtype, device=evidence.device)
    for level in levels:
        joints = list(level)
        above = [parents[joint] for joint in joints]
        expected = identity if above == [-1] else result[:, above]
        result[:, joints] = nearest_rotation(
            evidence[:, joints] + prior[:, None, None, None] * expected
        )
    return result


def part_evidence(points: Tensor, reference: Tensor, weights: Tensor, membership: Tensor) -> Tensor:
    """The matrices K [P,J,3,3] of Kabsch's problem of every part, about its own weighted mean.

    points [P,N,3]; reference [P,N,3] or [N,3]: the same points of the unposed body; weights
    [P,N]; membership [N,J]: how much a point belongs to a part.
    """
    reference = reference.expand_as(points)
    products = (points[..., :, None] * reference[..., None, :]).flatten(2)
    columns = torch.cat([products, points, reference, torch.ones_like(points[..., :1])], dim=2)
    sums = membership.T @ (columns * weights[..., None])
    total = sums[..., 15:].clamp_min(torch.finfo(sums.dtype).tiny)
    outer = sums[..., 9:12, None] * (sums[..., 12:15] / total)[..., None, :]
    return sums[..., :9].unflatten(-1, (3, 3)) - outer
