# SPDX-License-Identifier: GPL-3.0-or-later
"""Absolute position from pixels and relative 3D points (paper section 3.4: full perspective)."""

from __future__ import annotations

import torch
from torch import Tensor

from .head import HeadOutput

REFERENCE_BORDER_STRIDES = 1.0
MIX_BORDER_STRIDES = 0.6
SHARE_3D_INSIDE = 0.5
CERTAIN_BELOW_M = 0.3
WEIGHT_FLOOR = 1e-4
RIDGE = 1e-4


def reconstruct_absolute(
    output: HeadOutput,
    intrinsics: Tensor,
    crop_side: int,
    stride: int = 32,
    pictured: Tensor | None = None,
) -> Tensor:
    """The points [P,N,3] in metres in the axes of each crop's camera.

    intrinsics: [P,3,3] of the crops. pictured: [P,N], which points lie within the photo; those
    beyond its border are no evidence. Certain points well inside of the crop decide where the body
    is as a whole. A point that lands inside of the crop then lies halfway between its place in
    that body and its own pixel's ray at the same depth; one outside has no pixel to trust and
    keeps its place.
    """
    relative = output.points_3d
    plane = torch.matmul(_homogeneous(output.points_2d), torch.linalg.inv(intrinsics).mT)[..., :2]
    certain = output.uncertainty < CERTAIN_BELOW_M
    certain &= is_inside(output.points_2d, crop_side, REFERENCE_BORDER_STRIDES * stride)
    if pictured is not None:
        certain &= pictured
    weights = certain.to(plane.dtype) + WEIGHT_FLOOR
    placed = relative + reference_point(plane, relative, weights)[:, None]
    on_ray = _homogeneous(plane) * placed[..., 2:]
    mixed = SHARE_3D_INSIDE * placed + (1 - SHARE_3D_INSIDE) * on_ray
    seen = torch.matmul(placed, intrinsics.mT)
    landed = seen[..., :2] / seen[..., 2:].clamp_min(1e-6)
    inside = is_inside(landed, crop_side, MIX_BORDER_STRIDES * stride)
    if pictured is not None:
        inside &= pictured
    return torch.where(inside[..., None], mixed, placed)


def is_inside(pixels: Tensor, crop_side: int, border: float) -> Tensor:
    """Whether pixels [P,N,2] keep `border` pixels away from the edge of a crop: [P,N]."""
    return ((pixels >= border) & (pixels <= crop_side - border)).all(dim=-1)


def _homogeneous(plane: Tensor) -> Tensor:
    return torch.cat([plane, torch.ones_like(plane[..., :1])], dim=-1)


def reference_point(plane: Tensor, relative: Tensor, weights: Tensor) -> Tensor:
    """The translation [P,3] that puts relative points [P,N,3] onto their rays.

    plane: normalized image coordinates [P,N,2]. weights: [P,N], applied to residuals. With t the
    translation, p the plane coordinates and q the relative point, each point gives the equations
    t_xy - p t_z = p q_z - q_xy, solved as least squares with a small ridge after both sides are
    scaled to unit root mean square.
    """
    target = plane * relative[..., 2:] - relative[..., :2]
    plane_scale = _root_mean_square(plane)
    target_scale = _root_mean_square(target)
    plane = plane / plane_scale[:, None, None]
    target = target / target_scale[:, None, None]

    squared = weights.square()[..., None]
    total = squared.sum(dim=1)[..., 0]
    plane_sum = (squared * plane).sum(dim=1)
    target_sum = (squared * target).sum(dim=1)
    normal = torch.zeros(len(plane), 3, 3, dtype=plane.dtype, device=plane.device)
    normal[:, 0, 0] = normal[:, 1, 1] = total
    normal[:, :2, 2] = normal[:, 2, :2] = -plane_sum
    normal[:, 2, 2] = (squared * plane.square()).sum(dim=(1, 2))
    right = torch.cat([target_sum, -(squared * plane * target).sum(dim=(1, 2))[:, None]], dim=1)
    ridge = RIDGE * torch.eye(3, dtype=plane.dtype, device=plane.device)
    solved = torch.linalg.solve(normal + ridge, right)
    depth = solved[:, 2:] / plane_scale[:, None]
    return torch.cat([solved[:, :2], depth], dim=1) * target_scale[:, None]


def _root_mean_square(values: Tensor) -> Tensor:
    """Of each person [P,N,2] -> [P]; the tiny addend keeps the derivative finite at zero."""
    return (values.square().mean(dim=(1, 2)) + 1e-12).sqrt()
