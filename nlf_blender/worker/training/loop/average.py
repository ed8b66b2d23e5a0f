# SPDX-License-Identifier: GPL-3.0-or-later
"""An exponential moving average of a model's weights, which is validated and exported."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """Follows a model's parameters and statistics; `model` is the average, in evaluation mode.

    The first steps count for more than `decay` says, so that the random start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the model as it is after step number `step`, the first being 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = model.state_dict()
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])
