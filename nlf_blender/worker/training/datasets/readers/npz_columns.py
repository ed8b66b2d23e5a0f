# SPDX-License-Identifier: GPL-3.0-or-later
"""The columns of an npz whose arrays have a row for each annotated person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .....body.npz_file import DAMAGED, read_npz
from .source import not_readable

Columns = dict[str, NDArray[Any]]


def read_columns(path: Path, needed: Sequence[str], others: Sequence[str], fix: str) -> Columns:
    """Those of the columns that the file has. UserError if it is damaged, one that is needed is
    missing, or they have different numbers of rows.

    Columns that are pickles (arrays of objects) are refused: numpy would run what they say.
    """
    try:
        found = read_npz(path, (*needed, *others))
        missing = [name for name in needed if name not in found]
        if missing:
            raise ValueError(f"it has no column {missing[0]}")
        rows = {name: len(column) if column.ndim else -1 for name, column in found.items()}
        if len(set(rows.values())) != 1:
            raise ValueError(f"its columns have different numbers of rows: {rows}")
    except (OSError, *DAMAGED) as error:
        raise not_readable(path, error, fix) from error
    return found


def numbers(columns: Columns, name: str, row: int, shape: tuple[int, ...] | None = None) -> Any:
    """A row of a column of numbers as float64, in this shape. ValueError if it has another size."""
    values = np.asarray(columns[name][row], np.float64)
    if shape is not None and values.size != int(np.prod(shape)):
        raise ValueError(f"{name} has {values.size} numbers, not {int(np.prod(shape))}")
    return values if shape is None else values.reshape(shape)


def text(columns: Columns, name: str, row: int) -> str:
    """A row of a column of texts."""
    value = columns[name][row]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
