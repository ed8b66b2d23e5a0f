# SPDX-License-Identifier: GPL-3.0-or-later
"""The optimizer, and its learning rate as a function of the step alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .settings import OptimizerSettings, ScheduleSettings

PEAK = "peak_rate"  # in a parameter group: the highest learning rate it reaches


def rate_share(settings: ScheduleSettings, step: int, steps: int) -> float:
    """The share of the peak learning rate at step 0 <= `step` < `steps`."""
    rising = settings.warmup * steps
    if step < rising:
        return settings.start + (1 - settings.start) * (step + 1) / max(rising, 1)
    passed = (step - rising) / max(steps - 1 - rising, 1)
    return settings.end + (1 - settings.end) * 0.5 * (1 + math.cos(math.pi * min(passed, 1.0)))


def make_optimizer(
    groups: list[dict[str, object]], settings: OptimizerSettings
) -> torch.optim.AdamW:
    """AdamW over parameter groups, which may have a peak rate of their own as `lr`."""
    optimizer = torch.optim.AdamW(
        groups,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        betas=settings.betas,
    )
    for group in optimizer.param_groups:
        group[PEAK] = group["lr"]
    return optimizer


def set_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Give every group this share of its peak rate."""
    for group in optimizer.param_groups:
        group["lr"] = group[PEAK] * share


def clip_gradients(optimizer: torch.optim.Optimizer, longest: float) -> Tensor:
    """Shorten the gradient of each group of parameters to `longest`, so that one group's, of a
    tuned backbone say, does not shrink the others'. Returns the whole length before, a scalar."""
    lengths = [
        nn.utils.clip_grad_norm_(group["params"], longest) for group in optimizer.param_groups
    ]
    return torch.stack(lengths).norm()
