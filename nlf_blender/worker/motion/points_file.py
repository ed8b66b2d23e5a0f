# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a .npy file block by block; it appears whole or not at all."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np
import torch


class PointsFile:
    """A float32 array of this shape, written in order of its first axis within a with block; if
    that fails, nothing is left. OSError from the disk.

    A thread writes one block while the next one is computed: the disk takes as long as the work.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + ".part")
        self._shape = shape
        self._pending: Future[int] | None = None

    def __enter__(self) -> PointsFile:
        self._file = open(self._temporary, "wb", buffering=0)
        self._writer = ThreadPoolExecutor(1)
        header = {"descr": "<f4", "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        return self

    def write(self, block: torch.Tensor) -> None:
        """Append a contiguous block on the CPU, which must not change any more."""
        self._wait()
        self._pending = self._writer.submit(self._append, memoryview(block.numpy()).cast("B"))

    def _append(self, data: memoryview) -> int:
        written = 0
        while written < len(data):  # a system may take less than all at once
            written += self._file.write(data[written:])
        return written

    def _wait(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._wait()
                os.fsync(self._file.fileno())
            self._writer.shutdown()
            self._file.close()
            if kind is None:
                self._temporary.replace(self._path)
        finally:
            self._writer.shutdown()
            self._file.close()
            self._temporary.unlink(missing_ok=True)
