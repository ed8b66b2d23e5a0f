# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loss: 3D error with uncertainty, pixels, and absolute position.

The 3D term is the negative logarithm of the likelihood of an isotropic distribution in three
dimensions that falls off exponentially with distance: e / s + 3 log s, which is least at s = e / 3
(the released model multiplies its uncertainty by three). It is weighted by the uncertainty itself
without gradient (the beta-NLL of Seitzer et al. 2022 with beta one), so that hard points are not
given up: the gradient on positions is then that of the plain error. The gradient on the uncertainty
is scaled down, or its first steps drive the softplus where it is flat.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..nlf.head import HeadOutput
from ..nlf.reconstruction import reconstruct_absolute

SPREAD_SHARE = 0.05
PIXEL_SHARE = 0.5
ABSOLUTE_SHARE = 0.1
LARGEST_PIXEL_ERROR = 120.0


def about_mean(points: Tensor) -> Tensor:
    """Points [P,N,3] about their mean."""
    return points - points.mean(dim=1, keepdim=True)


def crop_intrinsics(focal: Tensor, crop_side: int) -> Tensor:
    """[P,3,3] from focal lengths [P] in pixels; the principal point is the middle."""
    intrinsics = torch.eye(3).repeat(len(focal), 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    intrinsics[:, :2, 2] = crop_side / 2
    return intrinsics


def project(points: Tensor, intrinsics: Tensor) -> Tensor:
    """Points [P,N,3] -> pixels [P,N,2]."""
    seen = points @ intrinsics.transpose(1, 2)
    return seen[..., :2] / seen[..., 2:].clamp_min(0.05)


def training_loss(
    output: HeadOutput, points: Tensor, focal: Tensor, crop_side: int, with_absolute: bool
) -> tuple[Tensor, Tensor]:
    """The loss and the mean 3D error in metres. points: [P,N,3] true, in the crop's camera."""
    error = (about_mean(output.points_3d) - about_mean(points)).norm(dim=-1)
    spread = output.uncertainty
    spread_term = spread.detach() * (error.detach() / spread + 3 * spread.log())
    likelihood = error + SPREAD_SHARE * spread_term

    intrinsics = crop_intrinsics(focal, crop_side)
    true_pixels = project(points, intrinsics)
    metres_per_pixel = points[..., 2].mean(dim=1, keepdim=True) / focal[:, None]
    off = (output.points_2d - true_pixels).norm(dim=-1).clamp_max(LARGEST_PIXEL_ERROR)
    visible = ((true_pixels > 0) & (true_pixels < crop_side)).all(dim=-1)
    pixel = (off * metres_per_pixel * visible).sum() / visible.sum().clamp_min(1)
    loss = likelihood.mean() + PIXEL_SHARE * pixel
    if with_absolute:
        placed = reconstruct_absolute(output, intrinsics, crop_side)
        relative_depth = points[..., 2].mean(dim=1, keepdim=True)
        missed = (placed - points).norm(dim=-1) / relative_depth
        loss = loss + ABSOLUTE_SHARE * missed.clamp_max(1.0).mean()
    return loss, error.detach().mean()
