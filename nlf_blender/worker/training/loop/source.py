# SPDX-License-Identifier: GPL-3.0-or-later
"""What the loop needs of a source of crops, a loss and a trial: it knows no more of them.

The model is any module that is called as `model(batch, frozen, random)`, with what a cache holds of
its frozen part, if anything, and a generator on the CPU for what training leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from ....body.arrays import IntArray
from ..crops.batch import CropBatch


@dataclass(frozen=True)
class StepInput:
    """Crops and, where they come from a cache, what the frozen backbone said about them, and their
    numbers [P] in the cache."""

    batch: CropBatch
    frozen: dict[str, Tensor] | None = None
    rows: IntArray | None = None

    def __getitem__(self, crops: slice) -> StepInput:
        """Some of the crops, with all points asked for."""
        frozen = self.frozen and {name: value[crops] for name, value in self.frozen.items()}
        rows = None if self.rows is None else self.rows[crops]
        return StepInput(self.batch[crops], frozen, rows)


class Source(Protocol):
    """Where crops come from. Batch k depends on the source's settings and k alone."""

    def batches(self, first: int) -> Iterator[StepInput]:
        """Batches number `first`, `first` + 1, ... on the device, without end."""

    def close(self) -> None:
        """End worker processes; `batches` is not asked again."""

    def skipped(self) -> dict[str, str]:
        """What is wrong with items that could not be used, by their names."""


class Loss(Protocol):
    """What the model answered and the truth -> the scalar to lower, and its terms and errors by
    name (scalars without gradient). progress: share of the run's steps that are done."""

    def __call__(
        self, result: Any, batch: CropBatch, progress: float
    ) -> tuple[Tensor, dict[str, Tensor]]: ...


class Trial(Protocol):
    """Tries the averaged model on held-out crops."""

    def figures(self, model: nn.Module) -> dict[str, float]:
        """Errors by name."""

    def draw(self, model: nn.Module, path: Path) -> None:
        """A picture of some crops with predicted and true points."""
