# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of training.

Its random numbers follow from the run's seed and the step's number, so a step that a resumed run
does again is the same step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .average import WeightAverage
from .schedule import clip_gradients, rate_share, set_rate
from .settings import LoopSettings
from .source import Loss, StepInput

_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Learner:
    """What a step changes. scaler: of float16's gradients; it does nothing in other precisions."""

    model: nn.Module
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    loss: Loss


def make_scaler(settings: LoopSettings, device: torch.device) -> torch.amp.GradScaler:
    """The scaler that keeps float16's gradients from vanishing."""
    return torch.amp.GradScaler(device.type, enabled=settings.precision == "float16")


def seed_of(seed: int, step: int) -> int:
    """The seed of a step's random numbers."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def training_step(
    learner: Learner, settings: LoopSettings, inputs: StepInput, step: int
) -> dict[str, Tensor]:
    """Step number `step` from 0 on. Returns the loss and its terms, scalars on the device."""
    seed = seed_of(settings.seed, step)
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    set_rate(learner.optimizer, rate_share(settings.schedule, step, settings.steps))
    learner.optimizer.zero_grad(set_to_none=True)
    device = inputs.batch.images.device
    kind = _TYPES.get(settings.precision)
    with torch.autocast(device.type, kind or torch.bfloat16, enabled=kind is not None):
        result = learner.model(inputs.batch, inputs.frozen, random)
    total, terms = learner.loss(result, inputs.batch, step / settings.steps)
    learner.scaler.scale(total).backward()
    learner.scaler.unscale_(learner.optimizer)
    length = clip_gradients(learner.optimizer, settings.optimizer.clip_norm)
    learner.scaler.step(learner.optimizer)
    learner.scaler.update()
    learner.average.update(step)
    return {"loss": total.detach(), **terms, "gradient": length.detach()}
