# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves of a run: tables as CSV, and a picture of them.

A row of a table is written when its steps are full. What a resumed run does again is cut off
first, so the tables are those of a run that never stopped.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from ....errors import UserError
from ....protocol.files import write_whole

STEP = "step"
PANEL_WIDTH, PANEL_HEIGHT = 460, 240
COLUMNS = 3
_INK, _GRID, _FIRST, _SECOND = (40, 40, 40), (225, 225, 225), (180, 105, 30), (40, 90, 220)


class Table:
    """A CSV file with one row per step number; columns are those of the first row."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self) -> list[dict[str, float]]:
        """All rows, oldest first. UserError if the file is damaged."""
        if not self.path.is_file():
            return []
        try:
            with open(self.path, newline="", encoding="utf-8") as file:
                rows = [{n: float(v) for n, v in row.items()} for row in csv.DictReader(file)]
            if any(STEP not in row for row in rows):
                raise ValueError(f"a row has no {STEP}")
        except (ValueError, TypeError, csv.Error) as error:
            raise UserError(
                "Curves damaged",
                f"{self.path} is no table of numbers ({error}).",
                "Move it elsewhere and go on with --resume: new rows go into a new file.",
            ) from error
        return rows

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add the row of this step, a number above that of the last row."""
        self._write([*self.rows(), {STEP: float(step), **values}])

    def cut(self, step: int) -> None:
        """Remove the rows of steps above `step`."""
        rows = self.rows()
        kept = [row for row in rows if row[STEP] <= step]
        if len(kept) < len(rows):
            self._write(kept)

    def _write(self, rows: list[dict[str, float]]) -> None:
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(text, names, restval="nan", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, STEP: int(row[STEP])})
        write_whole(self.path, text.getvalue().encode())


def draw_curves(path: Path, training: Table, validation: Table) -> None:
    """A PNG with a panel for each column of both tables; columns of one name share a panel."""
    first, second = training.rows(), validation.rows()
    names = dict.fromkeys(name for row in (*first, *second) for name in row if name != STEP)
    panels = [_panel(name, _points(first, name), _points(second, name)) for name in names]
    if not panels:
        return
    blank = np.full_like(panels[0], 255)
    panels += [blank] * (-len(panels) % COLUMNS)
    lines = [np.hstack(panels[n : n + COLUMNS]) for n in range(0, len(panels), COLUMNS)]
    done, data = cv2.imencode(".png", np.vstack(lines))
    if not done:
        raise ValueError("the curves could not be encoded as PNG")
    write_whole(path, data.tobytes())


def _points(rows: list[dict[str, float]], name: str) -> np.ndarray:
    """Finite (step, value) pairs [n,2] of a column."""
    pairs = [(row[STEP], row[name]) for row in rows if np.isfinite(row.get(name, np.nan))]
    return np.array(pairs, float).reshape(-1, 2)


def _panel(name: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One panel [h,w,3] BGR: training's points `first`, validation's `second`."""
    image = np.full((PANEL_HEIGHT, PANEL_WIDTH, 3), 255, np.uint8)
    left, top, right, bottom = 62, 28, PANEL_WIDTH - 14, PANEL_HEIGHT - 26
    _text(image, name, (left, 18))
    points = np.concatenate([first, second])
    if not len(points):
        return image
    low, high = _range(points[:, 1])
    last = max(points[:, 0].max(), 1.0)
    for share in (0.0, 0.5, 1.0):
        y = round(bottom + (top - bottom) * share)
        cv2.line(image, (left, y), (right, y), _GRID)
        _text(image, f"{low + (high - low) * share:.3g}", (4, y + 4))
        x = round(left + (right - left) * share)
        _text(image, f"{last * share:.0f}", (x - 18, PANEL_HEIGHT - 8))
    for series, colour in ((first, _FIRST), (second, _SECOND)):
        across = left + (right - left) * series[:, 0] / last
        up = bottom + (top - bottom) * (series[:, 1].clip(low, high) - low) / (high - low)
        drawn = np.round(np.stack([across, up], axis=1)).astype(np.int32)
        cv2.polylines(image, [drawn], False, colour, 1, cv2.LINE_AA)
        for place in drawn if len(drawn) < 40 else drawn[-1:]:
            cv2.circle(image, tuple(map(int, place)), 2, colour, -1, cv2.LINE_AA)
    return image


def _range(values: np.ndarray) -> tuple[float, float]:
    """From the least value to the highest but for the first few steps' peak."""
    low, high = float(values.min()), float(np.quantile(values, 0.98))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _text(image: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.38, _INK, 1, cv2.LINE_AA)
