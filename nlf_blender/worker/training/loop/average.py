# SPDX-License-Identifier: GPL-3.0-or-later
"""An exponential moving average of a model's weights, which is validated and exported."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """Follows a model's parameters and statistics, whose tensors stay the same ones; `model` is the
    average, in evaluation mode.

    The first steps count for more than `decay` says, so that the random start is soon forgotten.
    """

    def __init__(self, followed: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(followed).eval().requires_grad_(False)
        self.decay = decay
        current = followed.state_dict()
        pairs = [(value, current[name]) for name, value in self.model.state_dict().items()]
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._others = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the model as it is after step number `step`, the first being 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages, values = (list(part) for part in zip(*self._floats, strict=True))
        get_ema_multi_avg_fn(decay)(averages, values, step)
        for average, value in self._others:
            average.copy_(value)
