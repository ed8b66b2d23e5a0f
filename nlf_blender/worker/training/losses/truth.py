# SPDX-License-Identifier: GPL-3.0-or-later
"""What a batch tells, in a form that is safe to compute with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...nlf.head import BOX_SIZE_M
from ..crops.batch import CropBatch
from .geometry import NEAREST_M, masked_mean

LEAST_POINTS = 3  # of a crop, to be compared about their mean
NEAREST_POINT_M = 0.3  # nearer ones make wild gradients of absolute positions


@dataclass(frozen=True)
class Truth:
    """points [P,N,3] and pixels [P,N,2], 0 where not known; known_3d, known_2d [P,N]: which are
    (pixels only within crop and picture). placed [P,N]: points known in the camera; weak [P,N]:
    pixels of points that are not. distance [P,1]: metres along the view, 1 if unknown.
    metres_per_pixel [P,1]: at the person, by that distance, or as if the crop were as wide as the
    metric heatmap."""

    points: Tensor
    pixels: Tensor
    known_3d: Tensor
    known_2d: Tensor
    placed: Tensor
    weak: Tensor
    distance: Tensor
    metres_per_pixel: Tensor


def known_truth(batch: CropBatch, crop_side: int) -> Truth:
    """The truth of a batch whose crops are `crop_side` pixels wide."""
    known_3d = batch.has_3d & torch.isfinite(batch.points_3d).all(dim=-1)
    known_2d = batch.has_2d & batch.is_inside & torch.isfinite(batch.points_2d).all(dim=-1)
    known_3d = known_3d & (known_3d.sum(dim=1, keepdim=True) >= LEAST_POINTS)
    points = _where(known_3d, batch.points_3d)
    mean = masked_mean(points[..., 2], known_3d)[:, None]
    in_camera = (batch.absolute & batch.has_camera)[:, None] & (mean > NEAREST_M)
    distance = torch.where(in_camera, mean, torch.ones_like(mean))
    focal = batch.intrinsics[:, 0, 0, None]
    anyhow = torch.full_like(mean, BOX_SIZE_M / crop_side)
    return Truth(
        points=points,
        pixels=_where(known_2d, batch.points_2d),
        known_3d=known_3d,
        known_2d=known_2d,
        placed=known_3d & in_camera & (points[..., 2] > NEAREST_POINT_M),
        weak=known_2d & ~(known_3d & in_camera),
        distance=distance,
        metres_per_pixel=torch.where(in_camera, distance / focal, anyhow),
    )


def _where(known: Tensor, values: Tensor) -> Tensor:
    return torch.where(known[..., None], values, torch.zeros_like(values))
