# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches of crops in order, made in this process or ahead of it in others."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator

import torch

from .batch import CropBatch
from .batch_maker import BatchMaker, Skipped
from .crew import Crew, Made
from .plan import CropPlan

MOST_NAMED = 100


class CropLoader:
    """The batches of a plan. The same ones come whatever the number of workers, and wherever one
    begins.

    workers: processes, 0 to make batches where they are asked for. skipped: how many items could
    not be used, by what is wrong with them; skipped_items: the names of the first ones, each with
    what is wrong. waited_seconds: how long batches were waited for so far.
    """

    def __init__(
        self, plan: CropPlan, workers: int = 0, device: torch.device | str = "cpu"
    ) -> None:
        """device: where batches will go; for a GPU they come in pinned memory."""
        self.plan, self.workers = plan, workers
        self.skipped: Counter[str] = Counter()
        self.skipped_items: dict[str, str] = {}
        self.waited_seconds = 0.0
        self._pin = torch.device(device).type == "cuda"

    def batches(self, first: int = 0, count: int | None = None) -> Iterator[CropBatch]:
        """Batches from number `first` on, endless or `count` of them. Workers end when the iterator
        is closed or done. UserError names what cannot be used if that is everything, and the item
        at which a worker process died."""
        last = None if count is None else first + count
        if self.workers:
            crew = Crew(self.plan, self.workers, first, last, self._pin)
            try:
                yield from self._counted(crew.take, first, last)
            finally:
                crew.close()
        else:
            yield from self._counted(BatchMaker(self.plan).make, first, last)

    def _counted(
        self, take: Callable[[int], Made], first: int, last: int | None
    ) -> Iterator[CropBatch]:
        numbers = itertools.count(first) if last is None else range(first, last)
        for number in numbers:
            began = time.perf_counter()
            batch, skipped = take(number)
            self.waited_seconds += time.perf_counter() - began
            self._count(skipped)
            yield batch

    def _count(self, skipped: Skipped) -> None:
        for name, reason in skipped:
            self.skipped[reason.partition(":")[0]] += 1
            if len(self.skipped_items) < MOST_NAMED:
                self.skipped_items.setdefault(name, reason)
