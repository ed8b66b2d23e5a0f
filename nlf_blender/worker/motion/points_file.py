# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a .npy file block by block; it appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

import numpy as np
import torch


class PointsFile:
    """A float32 array of this shape, written in order of its first axis within a with block; if
    that fails, nothing is left. OSError from the disk."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path = path
        self._temporary = path.with_name(path.name + ".part")
        self._shape = shape

    def __enter__(self) -> PointsFile:
        self._file = open(self._temporary, "wb")
        header = {"descr": "<f4", "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        return self

    def write(self, block: torch.Tensor) -> None:
        """Append a contiguous block on the CPU."""
        self._file.write(memoryview(block.numpy()).cast("B"))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
            self._file.close()
            if kind is None:
                self._temporary.replace(self._path)
        finally:
            self._file.close()
            self._temporary.unlink(missing_ok=True)
