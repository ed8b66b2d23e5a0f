# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers in columns of text: TRC and CSV."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 2 << 30  # a text file that is larger is no file of markers


def number_rows(values: NDArray[np.float64], digits: int, separator: str) -> Iterator[str]:
    """Each row of values [T,C] as text with so many decimals; nothing for NaN."""
    form = separator.join([f"%.{digits}f"] * values.shape[1])
    for row in values:
        text = form % tuple(row)
        yield text.replace("nan", "") if np.isnan(row).any() else text


def write_lines(path: Path, head: Iterable[str], rows: Iterable[str]) -> None:
    """Write a text file line by line, so that it appears whole or not at all. OSError."""
    temporary = path.with_name(path.name + ".part")
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            for lines in (head, rows):
                file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_text(path: Path) -> str:
    """A text file in UTF-8, or else in Latin 1, as old programs write it. ValueError if it is no
    text; OSError from the disk."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"it has {size / 2**30:.1f} GB")
    data = path.read_bytes()
    if b"\0" in data[:4096]:
        raise ValueError("it is not text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def number(text: str, what: str) -> float:
    """A number out of a cell; NaN stands for a gap. ValueError naming `what` if it is none."""
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"{what} is '{text}', not a number") from error
    if np.isinf(value):
        raise ValueError(f"{what} is infinite")
    return value


def numbers(cells: list[str], what: str) -> list[float]:
    """The numbers of a row of cells, NaN for empty ones. ValueError naming `what` and the cell that
    is none."""
    try:
        return list(map(float, [cell or "nan" for cell in cells]))  # long files: no call a cell
    except ValueError:
        return [number(cell, what) if cell.strip() else np.nan for cell in cells]
