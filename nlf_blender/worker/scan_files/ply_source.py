# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of a PLY file after its header, one after the other: as bytes, or as words."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
Fields = list[tuple[str, str]]  # (name, numpy's name of the type) of each value of a row


class Source(Protocol):
    """Where rows come from; position may be set back to read some again."""

    position: int

    def take(self, fields: Fields, count: int) -> Rows:
        """The next `count` rows, structured. ValueError if the data end before."""
        ...


class BinarySource:
    """A buffer of numbers in one byte order."""

    def __init__(self, data: bytes, position: int, order: str) -> None:
        self._data, self.position, self._order = data, position, order

    def take(self, fields: Fields, count: int) -> Rows:
        """As in Source."""
        dtype = np.dtype([(name, self._order + code) for name, code in fields])
        end = self.position + count * dtype.itemsize
        if end > len(self._data):
            raise ValueError("it is cut off")
        rows = np.frombuffer(self._data, dtype, count, self.position)
        self.position = end
        return rows


class TextSource:
    """Numbers as words of text."""

    def __init__(self, data: bytes) -> None:
        self._numbers = np.fromstring(data, sep=" ")
        self.position = 0

    def take(self, fields: Fields, count: int) -> Rows:
        """As in Source."""
        end = self.position + count * len(fields)
        if end > len(self._numbers):
            raise ValueError("it is cut off")
        table = self._numbers[self.position : end]
        rows = np.empty(count, dtype=np.dtype(fields))
        for column, (name, _) in enumerate(fields):
            rows[name] = table[column :: len(fields)]
        self.position = end
        return rows
