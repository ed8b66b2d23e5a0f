# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops warped in threads of their own, so that their pixels are there when the device wants them.

Nothing depends on which thread warps a crop, nor on when. OpenCV and torch let go of Python's lock
meanwhile. A CPU that runs the network as well gets one such thread: they share its cores.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
import torch

from .crop_plan import PlannedCrop
from .warping import Float32Array

MOST_THREADS = 8


class WarpAhead:
    """Gives the pixels of crops in their order, and warps the next batch meanwhile; a context
    manager, whose end lets go of what was not wanted."""

    def __init__(self, crops: Sequence[PlannedCrop], crop_side: int, device: torch.device) -> None:
        self._crops, self._side = crops, crop_side
        self._first = 0  # the crop that the first of those at work is
        self._at_work: deque[Future[Float32Array]] = deque()
        free = (os.cpu_count() or 2) - 1
        threads = 1 if device.type == "cpu" else min(max(free, 1), MOST_THREADS)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="warp")

    def batch(self, first: int, count: int) -> Float32Array:
        """The pixels [count,3,S,S] of some crops, RGB 0..1, of which the next ones are begun. What
        comes before them cannot be asked for any more."""
        while self._first < first:
            if self._at_work:  # else it was passed over
                self._at_work.popleft()
            self._first += 1
        begun = first + len(self._at_work)
        for crop in self._crops[begun : first + 2 * count]:
            self._at_work.append(self._pool.submit(self._warp, crop))
        return np.stack([self._at_work[index].result() for index in range(count)])

    def _warp(self, crop: PlannedCrop) -> Float32Array:
        with torch.inference_mode():  # which is each thread's own
            return crop.pixels(self._side)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
