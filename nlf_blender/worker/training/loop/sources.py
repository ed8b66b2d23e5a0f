# SPDX-License-Identifier: GPL-3.0-or-later
"""The two sources of a run's batches: a loader that makes crops, and a cache of features."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from ....body.arrays import IntArray
from ..crops.batch import CropBatch
from ..crops.loader import CropLoader
from .features import CachedCrops, shuffled_rows
from .source import StepInput

POINTS = 1  # in the seed of a step's choice of points; shuffled_rows has its own


class LoaderSource:
    """Crops as a loader makes them, on the device."""

    def __init__(self, loader: CropLoader, device: torch.device) -> None:
        self.loader, self.device = loader, device
        self._running: Generator[CropBatch] | None = None

    def batches(self, first: int) -> Iterator[StepInput]:
        """Batches from number `first` on."""
        self._running = self.loader.batches(first)
        for batch in self._running:
            yield StepInput(batch.to(self.device))

    def close(self) -> None:
        """End the loader's worker processes."""
        if self._running is not None:
            self._running.close()

    def skipped(self) -> dict[str, str]:
        """What is wrong with the items that could not be used, by their names (the first ones)."""
        return dict(self.loader.skipped_items)


class CachedSource:
    """Crops of a cache in random orders, each once before any comes again; every step has the
    bodies' joints and a random choice of other points."""

    def __init__(
        self, cache: CachedCrops, crops: int, points: int, seed: int, device: torch.device
    ) -> None:
        self.cache, self.crops, self.points = cache, crops, points
        self.seed, self.device = seed, device

    def batches(self, first: int) -> Iterator[StepInput]:
        """Batches from number `first` on, each read while the one before it is trained on."""
        orders = enumerate(shuffled_rows(len(self.cache), self.crops, self.seed, first), first)
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self._batch, *next(orders))
            for number, rows in orders:
                inputs = coming.result()
                coming = reader.submit(self._batch, number, rows)
                yield to_device(inputs, self.device)

    def _batch(self, number: int, rows: IntArray) -> StepInput:
        random = np.random.default_rng([self.seed, number, POINTS])
        return self.cache.batch(rows, self.cache.some_points(random, self.points))

    def close(self) -> None:
        """Nothing is running."""

    def skipped(self) -> dict[str, str]:
        """Nothing can be wrong with what was cached."""
        return {}


def to_device(inputs: StepInput, device: torch.device) -> StepInput:
    """Batch and cached values on a device."""
    frozen = inputs.frozen and {name: value.to(device) for name, value in inputs.frozen.items()}
    return StepInput(inputs.batch.to(device), frozen, inputs.rows)
