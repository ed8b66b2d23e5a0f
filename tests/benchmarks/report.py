# SPDX-License-Identifier: GPL-3.0-or-later
"""A benchmark's rows as JSON and as a table that is Markdown and aligned."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Row = dict[str, Any]
UNITS = ("vertices mm", "joints mm", "rotations °", "ms")


def say(text: str) -> None:
    """Tell what is going on, on standard error: standard output is for results."""
    print(f"[bench] {text}", file=sys.stderr, flush=True)


def number(value: float) -> str:
    """A number with two digits or more that mean something, none of them an exponent."""
    if value >= 10 or value == 0:
        return f"{value:.1f}"
    if value >= 0.1:
        return f"{value:.2f}"
    return f"{value:.4f}"


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table: the first column to the left, the others, numbers, to the right."""
    columns = list(zip(head, *lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in (head, rule, *lines))


def write_json(rows: list[Row], path: Path) -> None:
    """The rows as a JSON list."""
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _line(cells: list[str], widths: list[int]) -> str:
    first = cells[0].ljust(widths[0])
    others = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return f"| {' | '.join([first, *others])} |"
