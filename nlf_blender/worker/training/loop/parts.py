# SPDX-License-Identifier: GPL-3.0-or-later
"""A step's crops in parts that are worked on at the same time, each on a thread of its own.

Two threads in every operation trained default model v1's adapter and neck on 28 crops a second, two
threads with half of 64 crops each on 40. Each part has a twin of the model, with its own
gradients and batch statistics and the same weights. What a step does depends on the number of
parts, not on which is done first, as long as the model draws its random numbers from the generator
that it is given.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .source import StepInput

T = TypeVar("T")
Work = Callable[[nn.Module, StepInput, int], T]


class Parts:
    """A model and its twins, one for each part."""

    def __init__(self, model: nn.Module, count: int = 1) -> None:
        """ValueError for no part."""
        if count < 1:
            raise ValueError(f"parts is {count}, not 1 or more")
        self.models = [model, *(_twin(model) for _ in range(count - 1))]
        threads = max(1, torch.get_num_threads() // count)
        self._pool = ThreadPoolExecutor(count, "part", torch.set_num_threads, (threads,))

    def run(self, work: Work[T], inputs: StepInput) -> list[tuple[float, T]]:
        """`work(model, inputs, part)` for each part's crops -> the share of crops and what it gave.
        Gradients that it adds to the twins' parameters are then the model's, and its statistics
        the parts' mean."""
        if len(self.models) == 1:
            return [(1.0, work(self.models[0], inputs, 0))]
        for twin in self.models[1:]:
            self._prepare(twin)
        slices = list(_slices(len(inputs.batch), len(self.models)))
        coming = [
            self._pool.submit(work, model, inputs[rows], part)
            for part, (model, rows) in enumerate(zip(self.models, slices, strict=False))
        ]
        results = [future.result() for future in coming]
        self._gather(len(slices))
        shares = [(rows.stop - rows.start) / len(inputs.batch) for rows in slices]
        return list(zip(shares, results, strict=True))

    @torch.no_grad()
    def _prepare(self, twin: nn.Module) -> None:
        """Without gradients, and with the model's statistics, which a checkpoint may have given."""
        twin.zero_grad(set_to_none=True)
        for own, value in zip(_statistics(twin), _statistics(self.models[0]), strict=True):
            own.copy_(value)

    @torch.no_grad()
    def _gather(self, used: int) -> None:
        for same in zip(*(model.parameters() for model in self.models), strict=True):
            gradients = [parameter.grad for parameter in same if parameter.grad is not None]
            if gradients:
                same[0].grad = sum(gradients[1:], start=gradients[0])
        for same in zip(*(_statistics(model) for model in self.models), strict=True):
            same[0].copy_(torch.stack(same[:used]).mean(dim=0))


def _twin(model: nn.Module) -> nn.Module:
    """A copy that shares all values but batch statistics."""
    kept: dict[int, object] = {
        id(parameter): nn.Parameter(parameter.data, parameter.requires_grad)
        for parameter in model.parameters()
    }
    own = {id(value) for norm in _norms(model) for value in norm.buffers(recurse=False)}
    kept |= {id(value): value for value in model.buffers() if id(value) not in own}
    return copy.deepcopy(model, kept)


def _norms(model: nn.Module) -> Iterator[nn.Module]:
    return (module for module in model.modules() if isinstance(module, _BatchNorm))


def _statistics(model: nn.Module) -> list[torch.Tensor]:
    """What batch norms gather, without the number of batches."""
    buffers = (value for norm in _norms(model) for value in norm.buffers(recurse=False))
    return [value for value in buffers if value.is_floating_point()]


def _slices(count: int, parts: int) -> Iterator[slice]:
    """As equal as can be, none of them empty."""
    parts = min(parts, count)
    ends = [count * part // parts for part in range(parts + 1)]
    return itertools.starmap(slice, itertools.pairwise(ends))
