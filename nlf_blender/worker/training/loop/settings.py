# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run trains: its steps, the optimizer and its schedule, and what is written on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Precision = Literal["float32", "bfloat16", "float16"]
MOST = 1 << 31  # of a number that torch and the names of files take


@dataclass(frozen=True)
class OptimizerSettings:
    """AdamW. clip_norm: longest gradient of a group of parameters."""

    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        if min(self.learning_rate, self.clip_norm) <= 0 or self.weight_decay < 0:
            raise ValueError("learning_rate and clip_norm are above 0, weight_decay 0 or more")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are {self.betas}, not from 0 to below 1")


@dataclass(frozen=True)
class ScheduleSettings:
    """Shares of the learning rate: a straight rise from `start` over the first `warmup` share of
    the steps, then a half cosine down to `end`."""

    warmup: float = 0.1
    start: float = 0.04
    end: float = 1e-4

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in (self.warmup, self.start, self.end)):
            raise ValueError("warmup, start and end are from 0 to 1")


@dataclass(frozen=True)
class OutputSettings:
    """After how many steps there is a row of the curves, a trial on held-out crops with sample
    pictures, and a checkpoint, of which the last `keep` stay."""

    curves_every: int = 25
    trial_every: int = 500
    checkpoint_every: int = 250
    keep: int = 2

    def __post_init__(self) -> None:
        if min(self.curves_every, self.trial_every, self.checkpoint_every, self.keep) < 1:
            raise ValueError("all of them are 1 or more")


@dataclass(frozen=True)
class LoopSettings:
    """steps: in all. average_decay: of the exponential moving average, which is what is validated
    and exported. precision: of the network's mixed precision; weights, loss and averages always are
    float32. parts: into so many a step's crops are divided, which are worked on at the same time;
    on a processor that is quicker than several threads in one operation."""

    steps: int
    seed: int = 0
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    average_decay: float = 0.999
    precision: Precision = "float32"
    parts: int = 1
    output: OutputSettings = field(default_factory=OutputSettings)

    def __post_init__(self) -> None:
        if not 1 <= self.steps < MOST:
            raise ValueError(f"steps is {self.steps}, not from 1 to below 2^31")
        if not 0 <= self.seed < MOST:
            raise ValueError(f"seed is {self.seed}, not from 0 to below 2^31")
        if self.parts < 1:
            raise ValueError(f"parts is {self.parts}, not 1 or more")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay is {self.average_decay}, not from 0 to below 1")
