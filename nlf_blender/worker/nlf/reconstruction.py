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
WEIGHT_FLOOR = 1e-8
RIDGE = 1e-4
SMALLEST_DEPTH_M = 0.001
SMALLEST_DIVISOR_M = 0.1


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
    is as a whole (`find_reference`); `place_points` then puts each point there.
    """
    reference = find_reference(output, intrinsics, crop_side, stride, pictured)
    return place_points(output, reference, intrinsics, crop_side, stride, pictured)


def find_reference(
    output: HeadOutput,
    intrinsics: Tensor,
    crop_side: int,
    stride: int = 32,
    pictured: Tensor | None = None,
) -> Tensor:
    """Where the body is as a whole: what to add to its relative points, [P,3] metres; arguments as
    of `reconstruct_absolute`."""
    certain = output.uncertainty < CERTAIN_BELOW_M
    certain &= is_inside(output.points_2d, crop_side, REFERENCE_BORDER_STRIDES * stride)
    if pictured is not None:
        certain &= pictured
    return reference_point(_on_plane(output, intrinsics), output.points_3d, certain)


def place_points(
    output: HeadOutput,
    reference: Tensor,
    intrinsics: Tensor,
    crop_side: int,
    stride: int = 32,
    pictured: Tensor | None = None,
) -> Tensor:
    """The points [P,N,3] in metres in the axes of each crop's camera, of bodies at reference [P,3].

    A point that lands inside of the crop lies halfway between its place in that body and its own
    pixel's ray at the same depth; one outside has no pixel to trust and keeps its place.
    """
    placed = output.points_3d + reference[:, None]
    on_ray = _homogeneous(_on_plane(output, intrinsics)) * placed[..., 2:]
    mixed = SHARE_3D_INSIDE * placed + (1 - SHARE_3D_INSIDE) * on_ray
    flat = placed / placed[..., 2:].clamp_min(SMALLEST_DIVISOR_M)
    landed = torch.matmul(flat, intrinsics[:, :2].mT)
    inside = is_inside(landed, crop_side, MIX_BORDER_STRIDES * stride)
    inside &= placed[..., 2] > SMALLEST_DEPTH_M
    if pictured is not None:
        inside &= pictured
    return torch.where(inside[..., None], mixed, placed)


def _on_plane(output: HeadOutput, intrinsics: Tensor) -> Tensor:
    """The points' normalized image coordinates [P,N,2]."""
    return torch.matmul(_homogeneous(output.points_2d), torch.linalg.inv(intrinsics).mT)[..., :2]


def is_inside(pixels: Tensor, crop_side: int, border: float) -> Tensor:
    """Whether pixels [P,N,2] keep `border` pixels away from the edge of a crop: [P,N]."""
    return ((pixels >= border) & (pixels <= crop_side - border)).all(dim=-1)


def _homogeneous(plane: Tensor) -> Tensor:
    return torch.cat([plane, torch.ones_like(plane[..., :1])], dim=-1)


def reference_point(plane: Tensor, relative: Tensor, certain: Tensor) -> Tensor:
    """The translation [P,3] that puts relative points [P,N,3] onto their rays.

    plane: normalized image coordinates [P,N,2]. certain: [P,N]; the others have next to no weight.
    With t the translation, p the plane coordinates and q the relative point, each point gives the
    equations t_xy - p t_z = p q_z - q_xy, solved as least squares with a small ridge after both
    sides are scaled to unit mean square over the certain points. Single precision and far people
    make millimetres of the roundings, so they are the official wrapper's.
    """
    people, count = certain.shape
    target = plane * relative[..., 2:] - relative[..., :2]
    plane_scale, target_scale = _scale(plane, certain), _scale(target, certain)
    right = (target / target_scale).reshape(people, 2 * count, 1)
    axes = torch.eye(2, dtype=plane.dtype, device=plane.device).repeat(people, count, 1)
    rows = torch.cat([axes, -(plane / plane_scale).reshape(people, 2 * count, 1)], dim=2)
    weights = (certain.to(plane.dtype) + WEIGHT_FLOOR).repeat_interleave(2, dim=1)
    weighted = (weights[..., None] * rows).mT
    ridge = RIDGE * torch.eye(3, dtype=plane.dtype, device=plane.device)
    factor, _ = torch.linalg.cholesky_ex(torch.matmul(weighted, rows) + ridge)
    solved = torch.cholesky_solve(torch.matmul(weighted, right), factor)
    across, depth = solved[:, :2] * target_scale, solved[:, 2:] * (target_scale / plane_scale)
    return torch.cat([across, depth], dim=1)[..., 0]


def _scale(values: Tensor, certain: Tensor) -> Tensor:
    """Root mean square length [P,1,1] of vectors [P,N,2], of the certain ones [P,N]; the tiny
    addend keeps it, and its derivative, finite where there are none."""
    squares = torch.where(certain[..., None], values.square(), 0.0)
    count = certain.sum(dim=1).clamp_min(1)[:, None, None]
    return (squares.sum(dim=(1, 2), keepdim=True) / count + 1e-10).sqrt()
