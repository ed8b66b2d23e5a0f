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
from .parts import Parts
from .schedule import clip_gradients, rate_share, set_rate
from .settings import LoopSettings
from .source import Loss, StepInput

_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Learner:
    """What a step changes. scaler: of float16's gradients; it does nothing in other precisions.
    parts: the model and its twins."""

    parts: Parts
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    loss: Loss

    @property
    def model(self) -> nn.Module:
        """The one that is checkpointed."""
        return self.parts.models[0]


def make_scaler(settings: LoopSettings, device: torch.device) -> torch.amp.GradScaler:
    """The scaler that keeps float16's gradients from vanishing."""
    return torch.amp.GradScaler(device.type, enabled=settings.precision == "float16")


def seed_of(seed: int, step: int, part: int = 0) -> int:
    """The seed of the random numbers of a step, or of one of its parts."""
    state = np.random.SeedSequence([seed, step, part]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def training_step(
    learner: Learner, settings: LoopSettings, inputs: StepInput, step: int
) -> dict[str, Tensor]:
    """Step number `step` from 0 on. Returns the loss and its terms, scalars on the device."""
    torch.manual_seed(seed_of(settings.seed, step))
    set_rate(learner.optimizer, rate_share(settings.schedule, step, settings.steps))
    learner.optimizer.zero_grad(set_to_none=True)
    crops = len(inputs.batch)

    def add_gradients(model: nn.Module, some: StepInput, part: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(seed_of(settings.seed, step, part))
        with _autocast(settings, some):
            result = model(some.batch, some.frozen, random)
        total, terms = learner.loss(result, some.batch, step / settings.steps)
        learner.scaler.scale(total * (len(some.batch) / crops)).backward()
        return {"loss": total.detach(), **terms}

    terms = _mean_terms(learner.parts.run(add_gradients, inputs))
    learner.scaler.unscale_(learner.optimizer)
    length = clip_gradients(learner.optimizer, settings.optimizer.clip_norm)
    learner.scaler.step(learner.optimizer)
    learner.scaler.update()
    learner.average.update(step)
    return {**terms, "gradient": length.detach()}


def _autocast(settings: LoopSettings, inputs: StepInput) -> torch.autocast:
    device, kind = inputs.batch.images.device, _TYPES.get(settings.precision)
    return torch.autocast(device.type, kind or torch.bfloat16, enabled=kind is not None)


def _mean_terms(parts: list[tuple[float, dict[str, Tensor]]]) -> dict[str, Tensor]:
    """The parts' terms together; NaN, what none of a part's crops tells, counts for nothing, but a
    loss that is no number stays."""
    if len(parts) == 1:
        return parts[0][1]
    shares = torch.tensor([share for share, _ in parts])
    means = {}
    for name in {name: None for _, terms in parts for name in terms}:
        values = torch.stack([terms.get(name, torch.tensor(torch.nan)) for _, terms in parts])
        known = torch.isfinite(values) | (name == "loss")
        weights = shares.to(values)[known]
        means[name] = (weights * values[known]).sum() / weights.sum()
    return means
