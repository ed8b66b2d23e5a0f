# SPDX-License-Identifier: GPL-3.0-or-later
"""Small batches of crops for tests of training."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from nlf_blender.worker.nlf.head import HeadOutput
from nlf_blender.worker.nlf.model import LocalizerModel
from nlf_blender.worker.training.crops.batch import FIXED, CropBatch, Queries
from nlf_blender.worker.training.losses.geometry import project

SIDE = 256


def intrinsics_of(focal: list[float], side: int = SIDE, dtype: torch.dtype | None = None) -> Tensor:
    """[P,3,3] of cameras that look at the middle of their crops."""
    matrices = torch.eye(3, dtype=dtype).repeat(len(focal), 1, 1)
    matrices[:, 0, 0] = matrices[:, 1, 1] = torch.tensor(focal, dtype=dtype)
    matrices[:, :2, 2] = side / 2
    return matrices


def crop_batch(
    points: Tensor, focal: list[float], side: int = SIDE, **changes: object
) -> CropBatch:
    """Crops of P people whose points [P,N,3] are all known, at N canonical places drawn at random;
    `changes` replace fields."""
    people, count = points.shape[:2]
    matrices = intrinsics_of(focal, side, points.dtype)
    pixels = project(points, matrices)
    known = torch.ones(people, count, dtype=torch.bool)
    random = torch.Generator().manual_seed(count)
    places = torch.rand(count, 3, generator=random) - 0.5
    batch = CropBatch(
        images=torch.randint(0, 256, (people, 3, side, side), dtype=torch.uint8, generator=random),
        intrinsics=matrices,
        queries=Queries(places, torch.full((count,), FIXED)),
        columns=torch.arange(count).repeat(people, 1),
        points_3d=points,
        points_2d=pixels,
        has_3d=known,
        has_2d=known,
        is_inside=((pixels > 0) & (pixels < side)).all(dim=-1),
        absolute=torch.ones(people, dtype=torch.bool),
        has_camera=torch.ones(people, dtype=torch.bool),
        dataset=torch.zeros(people, dtype=torch.long),
    )
    return replace(batch, **changes)


def people(seed: int = 0, count: int = 30, dtype: torch.dtype | None = None) -> Tensor:
    """Two people's points [2,count,3], four metres away."""
    random = torch.Generator().manual_seed(seed)
    points = torch.randn(2, count, 3, generator=random) * 0.3 + torch.tensor([0.0, 0.0, 4.0])
    return points.to(dtype) if dtype else points


def right_answer(batch: CropBatch, spread: float = 0.1) -> HeadOutput:
    """What a model that makes no error says of a batch."""
    pixels = project(batch.points_3d, batch.intrinsics)
    uncertainty = torch.full_like(pixels[..., 0], spread)
    return HeadOutput(pixels, batch.points_3d - 3.0, uncertainty)


def localized(model: LocalizerModel, batch: CropBatch) -> HeadOutput:
    """What a model for inference says of a batch whose crops have the same points, in order."""
    codes = model.heatmap_head.weight_field.point_codes(batch.queries.places)
    return model.heatmap_head(model.features(batch.images.float() / 255), codes)
