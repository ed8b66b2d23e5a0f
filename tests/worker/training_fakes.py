# SPDX-License-Identifier: GPL-3.0-or-later
"""A small model, a loss and crops for tests of the training loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nlf_blender.worker.training.crops.batch import FIXED, CropBatch, Queries
from nlf_blender.worker.training.loop.average import WeightAverage
from nlf_blender.worker.training.loop.parts import Parts
from nlf_blender.worker.training.loop.schedule import make_optimizer
from nlf_blender.worker.training.loop.settings import LoopSettings
from nlf_blender.worker.training.loop.source import StepInput
from nlf_blender.worker.training.loop.step import Learner, make_scaler

SIDE, POINTS, CROPS = 16, 5, 4


class SmallModel(nn.Module):
    """Crops to points, with all that resuming must keep: batch norm, dropout, left-out inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 6, 4, 4),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(6 * (SIDE // 4) ** 2, POINTS * 3),
        )

    def forward(self, batch: CropBatch, frozen: Any = None, random: Any = None) -> Tensor:
        images = batch.images.float() / 255
        if random is not None:
            kept = torch.rand(len(images), generator=random) > 0.3
            images = images * kept[:, None, None, None].to(images.device)
        return self.layers(images).reshape(-1, POINTS, 3).float()


def small_loss(result: Tensor, batch: CropBatch, progress: float) -> tuple[Tensor, dict]:
    error = (result - batch.points_3d).norm(dim=-1).mean()
    return error, {"error": error.detach()}


def small_batch(number: int, images: Tensor | None = None) -> CropBatch:
    """Batch `number` of made-up crops, whose points follow from their pixels."""
    random = torch.Generator().manual_seed(number)
    images = torch.randint(0, 256, (CROPS, 3, SIDE, SIDE), generator=random, dtype=torch.uint8)
    means = images.float().mean(dim=(2, 3)) / 255
    points = means[:, None] * torch.arange(1, POINTS + 1)[None, :, None]
    known = torch.ones(CROPS, POINTS, dtype=torch.bool)
    values = {
        "images": images,
        "intrinsics": torch.eye(3).repeat(CROPS, 1, 1),
        "queries": Queries(torch.zeros(POINTS, 3), torch.full((POINTS,), FIXED)),
        "columns": torch.arange(POINTS).repeat(CROPS, 1),
        "points_3d": points,
        "points_2d": points[..., :2],
        "has_3d": known,
        "has_2d": known,
        "is_inside": known,
        "absolute": torch.ones(CROPS, dtype=torch.bool),
        "has_camera": torch.ones(CROPS, dtype=torch.bool),
        "dataset": torch.zeros(CROPS, dtype=torch.long),
    }
    if "landmarks_3d" in CropBatch.__dataclass_fields__:
        values["landmarks_3d"] = torch.full((CROPS, 33, 3), torch.nan)
    return CropBatch(**values)


class SmallSource:
    """Batch k is `small_batch(k)`; `closed` counts the calls of close."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.closed = 0

    def batches(self, first: int) -> Iterator[StepInput]:
        while True:
            yield StepInput(small_batch(first).to(self.device))
            first += 1

    def close(self) -> None:
        self.closed += 1

    def skipped(self) -> dict[str, str]:
        return {}


class SmallTrial:
    """The mean error on one batch."""

    def figures(self, model: nn.Module) -> dict[str, float]:
        batch = small_batch(10_000).to(next(model.parameters()).device)
        with torch.no_grad():
            return {"error": float((model(batch) - batch.points_3d).norm(dim=-1).mean())}

    def draw(self, model: nn.Module, path: Path) -> None:
        path.write_text("a picture")


def small_learner(
    settings: LoopSettings, device: str = "cpu", model: nn.Module | None = None
) -> Learner:
    torch.manual_seed(settings.seed)
    model = (model or SmallModel()).to(device)
    optimizer = make_optimizer([{"params": list(model.parameters())}], settings.optimizer)
    average = WeightAverage(model, settings.average_decay)
    scaler = make_scaler(settings, torch.device(device))
    return Learner(Parts(model, settings.parts), average, optimizer, scaler, small_loss)
