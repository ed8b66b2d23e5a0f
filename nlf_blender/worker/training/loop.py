# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop on cached features, and evaluation on held-out ones."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from ..nlf.backbones.blazepose import CROP_SIDE
from .data import CropSet, sample_columns
from .landmarks import LandmarkChanges, changed_landmarks, matching_points
from .losses import training_loss
from .metrics import crop_errors, point_errors, rank_correlation
from .model import TrainedPart

EVALUATED_POINTS = 512


@dataclass(frozen=True)
class LoopSettings:
    """How to train; rates are probabilities per crop."""

    steps: int
    crops_per_step: int = 32
    points_per_step: int = 72
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    average_decay: float = 0.998
    drop_maps: float = 0.25
    drop_landmarks: float = 0.08
    landmarks: LandmarkChanges = field(default_factory=LandmarkChanges)
    absolute_from: float = 0.3
    seed: int = 0


class WeightAverage:
    """An exponential moving average of a model's parameters and statistics."""

    def __init__(self, model: TrainedPart, decay: float) -> None:
        self.model = copy.deepcopy(model).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, model: TrainedPart, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        current = model.state_dict()
        for name, value in self.model.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])


def train(
    model: TrainedPart,
    crops: CropSet,
    held_out: CropSet,
    signatures: Tensor,
    settings: LoopSettings,
) -> TrainedPart:
    """Train `model` and return its average. signatures: [N,S] of the whole pool."""
    random = torch.Generator().manual_seed(settings.seed)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trainable, lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.steps, pct_start=0.1
    )
    average = WeightAverage(model, settings.average_decay)
    print(f"{len(crops)} crops, {asdict(settings)}", flush=True)
    matches = matching_points(crops)
    began, running = time.monotonic(), 0.0
    order = torch.empty(0, dtype=torch.long)
    for step in range(settings.steps):
        if len(order) < settings.crops_per_step:
            order = torch.randperm(len(crops), generator=random)
        rows, order = order[: settings.crops_per_step], order[settings.crops_per_step :]
        columns = sample_columns(random, settings.points_per_step)
        batch = crops.batch(rows, columns)
        truth = crops.points[rows[:, None], matches[None]]
        batch.landmarks, batch.world = changed_landmarks(
            batch.landmarks, batch.world, truth, batch.focal, settings.landmarks, random
        )
        keep_maps, keep_landmarks = _kept_inputs(len(rows), settings, random)
        output = model(batch, signatures[columns], keep_maps, keep_landmarks)
        with_absolute = step > settings.absolute_from * settings.steps
        loss, error = training_loss(output, batch.points, batch.focal, CROP_SIDE, with_absolute)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        schedule.step()
        average.update(model, step)
        running = float(error) if step == 0 else 0.98 * running + 0.02 * float(error)
        if (step + 1) % max(250, settings.steps // 8) == 0 or step + 1 == settings.steps:
            figures = evaluate(average.model, held_out, signatures)
            passed = time.monotonic() - began
            print(f"step {step + 1}, {passed:.0f} s, train {running * 1000:.0f} mm, {figures}",
                  flush=True)  # fmt: skip
    return average.model


@torch.no_grad()
def mean_weights(first: TrainedPart, second: TrainedPart) -> TrainedPart:
    """The model halfway between two stages of one training; it over-fits less than the second."""
    mean = copy.deepcopy(second)
    other = first.state_dict()
    for name, value in mean.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(other[name], 0.5)
    return mean


def _kept_inputs(
    count: int, settings: LoopSettings, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Which crops keep their maps and which their landmarks; none loses both."""
    draw = torch.rand(count, generator=random)
    keep_maps = (draw >= settings.drop_maps).float()
    keep_landmarks = (draw < 1 - settings.drop_landmarks).float()
    return keep_maps, keep_landmarks


@torch.no_grad()
def evaluate(
    model: TrainedPart, crops: CropSet, signatures: Tensor, keep_maps: bool = True
) -> dict[str, float]:
    """Mean errors on held-out crops in millimetres (`pixels` in pixels), and how well the
    uncertainty ranks the errors of points."""
    model.eval()
    columns = sample_columns(torch.Generator().manual_seed(1), EVALUATED_POINTS)
    sums: dict[str, list[Tensor]] = {}
    errors, stated = [], []
    for rows in torch.arange(len(crops)).split(50):
        batch = crops.batch(rows, columns)
        kept = None if keep_maps else torch.zeros(len(rows))
        output = model(batch, signatures[columns], kept)
        for name, value in crop_errors(output, batch.points, batch.focal, CROP_SIDE).items():
            sums.setdefault(name, []).append(value)
        error, uncertainty = point_errors(output, batch.points)
        errors.append(error.flatten())
        stated.append(uncertainty.flatten())
    figures = {
        name: round(float(torch.cat(values).mean()) * (1 if name == "pixels" else 1000), 1)
        for name, values in sums.items()
    }
    all_errors, all_stated = torch.cat(errors), torch.cat(stated)
    figures["stated_uncertainty"] = round(float(all_stated.mean()) * 1000, 1)
    figures["uncertainty_rank_correlation"] = round(rank_correlation(all_errors, all_stated), 3)
    return figures
