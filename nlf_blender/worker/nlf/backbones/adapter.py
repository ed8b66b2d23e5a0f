# SPDX-License-Identifier: GPL-3.0-or-later
"""Small learnt changes of a frozen network's later layers (LoRA, Hu et al. 2021).

Every pointwise convolution gets a second one of low rank beside it. What that adds is in units of
the weights' own sizes, channel by channel: the network's norms were folded into its weights, whose
sizes therefore differ by orders of magnitude. At the start it adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from .graph import GraphNet

RANK = 16
_START = 0.25  # standard deviation of the first factors; the second ones start at zero
_LEAST_SIZE = 1e-6


class Adapter(nn.Module):
    """The layers of a graph from the value `start` to the values `ends`, with what is added."""

    def __init__(self, graph: GraphNet, start: str, ends: Sequence[str], rank: int = RANK) -> None:
        super().__init__()
        self.start, self.ends = start, tuple(ends)
        self._graph = [graph]  # in a list, so that it is no part of the state
        added: dict[str, nn.Module] = {}
        for layer in graph.description.needed_for(self.ends, (start,)):
            if layer.kind == "conv" and layer.settings["groups"] == 1:
                weight: Tensor = getattr(graph, layer.settings["weight"])
                if weight.shape[2:] == (1, 1):
                    added[layer.output] = LowRank(weight, rank)
        self.added = nn.ModuleDict(added)

    def forward(self, value: Tensor) -> dict[str, Tensor]:
        """value: what `start` is for P crops, [P,C,H,W] -> `ends` by name."""
        added = {name: part.__call__ for name, part in self.added.items()}
        return self._graph[0].run({self.start: value}, self.ends, added)


class LowRank(nn.Module):
    """What is added beside a pointwise convolution of `weight` [O,I,1,1], a bias included."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape[:2]
        sizes = weight.flatten(1).square().mean(dim=1).sqrt().clamp_min(_LEAST_SIZE)
        self.register_buffer("sizes", sizes, persistent=False)
        self.sizes: Tensor
        self.down = nn.Parameter(torch.randn(rank, columns) * _START)
        self.up = nn.Parameter(torch.zeros(rows, rank))
        self.bias = nn.Parameter(torch.zeros(rows))

    def forward(self, value: Tensor) -> Tensor:
        """value [P,I,H,W] -> [P,O,H,W]."""
        few = functional.conv2d(value, self.down[:, :, None, None])
        up = (self.sizes[:, None] * self.up)[:, :, None, None]
        return functional.conv2d(few, up, self.sizes * self.bias)
