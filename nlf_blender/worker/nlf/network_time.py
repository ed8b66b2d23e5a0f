# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a device is at work on networks, to tell how long it waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class NetworkTime:
    """Seconds spent in networks on a device so far, on whose results is waited; thread_seconds: of
    them, how long this took a core of the CPU for the threads that called."""

    def __init__(self, device: torch.device | str) -> None:
        self.seconds = self.thread_seconds = 0.0
        self._device = torch.device(device)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time in the with block, until a GPU has done what it was given."""
        began, thread_began = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            self.seconds += time.perf_counter() - began
            self.thread_seconds += time.thread_time() - thread_began
