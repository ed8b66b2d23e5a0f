# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers as a table of text: name, x, y, z, and if one likes group, color and place.

Columns are told by a header (in any order, others are left alone), or without one by their place.
Commas, semicolons or tabs part them; with the latter two, a comma may be the decimal point. The
header may give a unit: x_mm, x (cm), x [m]. A color is #rrggbb, or three numbers from 0 to 1,
linear, with blanks. A line that is empty or starts with # is passed over.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from ..errors import UserError
from .files import write_whole
from .marker_axes import METRES, SMPL_AXES, axes_matrix
from .marker_set import OPEN, Color, Marker, MarkerSet

_POSITION = ("x", "y", "z")
_COLUMNS = ("name", *_POSITION, "group", "color", "place")
_ALIASES = {
    **{"marker": "name", "label": "name", "colour": "color"},
    **dict.fromkeys(("vertex", "vertex_id", "vertex_index", "id"), "index"),
}
_HEADER = re.compile(r"([a-z_ ]+?)[ _]*(?:[\[(]?(m|cm|mm|in)[\])]?)?", re.IGNORECASE)
_HEX = re.compile(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", re.IGNORECASE)
DECIMALS = {"m": 6, "cm": 4, "mm": 3, "in": 5}  # micrometres or better


@dataclass(frozen=True)
class CsvRow:
    """A line of a table: its number in the file, and its cells by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class CsvTable:
    """A table's rows; unit: what its header gives for x, y and z, or ""."""

    path: Path
    rows: tuple[CsvRow, ...]
    columns: tuple[str, ...]
    unit: str = ""

    @property
    def has_indices(self) -> bool:
        """Whether it gives vertex numbers, not positions."""
        return "index" in self.columns and "x" not in self.columns


def read_csv(path: Path) -> CsvTable:
    """A file's table. UserError naming the file, and the line that is wrong."""
    try:
        lines = _lines(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UserError(
            "Table not found", f"{path} does not exist.", "Choose the file again."
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(
            "Table not read", f"{path}: {error}.", "Save the table as CSV in UTF-8."
        ) from error
    if not lines:
        return CsvTable(path, (), ("name", *_POSITION))
    first = [_column(cell) for cell in lines[0][1]]
    names = [name for name, _ in first]
    if "name" not in names:
        plain = ("name", "index") if len(names) == 2 else _COLUMNS[: len(names)]
        return CsvTable(path, _rows(path, lines, plain), plain)
    wanted = ("index",) if "index" in names and "x" not in names else _POSITION
    for column in wanted:
        if names.count(column) != 1:
            _wrong(path, lines[0][0], f"there is no column {column}, or more than one")
    units = {unit for name, unit in first if name in _POSITION}
    if len(units) > 1:
        _wrong(path, lines[0][0], "x, y and z have different units")
    return CsvTable(path, _rows(path, lines[1:], tuple(names)), tuple(names), "".join(units))


def markers_of(
    table: CsvTable, *, body: str = OPEN, unit: str = "", axes: str = SMPL_AXES, name: str = ""
) -> MarkerSet:
    """The marker set of a table of positions. unit: of METRES, where the header gives none (else
    metres). UserError naming the line."""
    if unit and table.unit and unit != table.unit:
        raise UserError(
            "Two units",
            f"{table.path} says that its positions are in {table.unit}, not in {unit}.",
            "Leave the unit to the file, or correct its first line.",
        )
    scale = METRES[unit or table.unit or "m"]
    matrix = axes_matrix(axes) * scale
    markers: list[Marker] = []
    seen: dict[str, int] = {}
    for row in table.rows:
        label = row.cells.get("name", "")
        if not label:
            _wrong(table.path, row.line, "the marker has no name")
        if label in seen:
            _wrong(table.path, row.line, f"'{label}' is in line {seen[label]}, too")
        seen[label] = row.line
        numbers = np.array([_number(table.path, row, column) for column in _POSITION])
        x, y, z = (float(number) + 0.0 for number in numbers @ matrix)
        color = _color(table.path, row)
        groups = row.cells.get("group", ""), row.cells.get("place", "")
        markers.append(Marker(label, (x, y, z), groups[0], color, groups[1]))
    try:
        return MarkerSet(name or table.path.stem, tuple(markers), body)
    except ValueError as error:
        raise UserError(
            "Not a marker set", f"{table.path}: {error}.", "Correct the table."
        ) from error


def write_csv(path: Path, markers: MarkerSet, *, unit: str = "m", axes: str = SMPL_AXES) -> None:
    """Write a set's table, its unit in the header unless that is metres. OSError from the disk."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    suffix = "" if unit == "m" else f"_{unit}"
    writer.writerow(["name", *(f"{axis}{suffix}" for axis in _POSITION), "group", "color", "place"])
    positions = markers.positions @ axes_matrix(axes).T / METRES[unit]
    for marker, position in zip(markers.markers, positions, strict=True):
        numbers = [f"{number + 0.0:.{DECIMALS[unit]}f}" for number in position]
        color = "" if marker.color is None else " ".join(f"{part:g}" for part in marker.color)
        writer.writerow([marker.name, *numbers, marker.group, color, marker.place])
    write_whole(path, text.getvalue().encode())


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Numbered lines, parted into cells."""
    kept = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    delimiter = max("\t;,", key=next(kept, "").count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    lines: list[tuple[int, list[str]]] = []
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        if delimiter != ",":
            stripped = [re.sub(r"^(-?\d*),(\d+)$", r"\1.\2", cell) for cell in stripped]
        if any(stripped) and not stripped[0].startswith("#"):
            lines.append((reader.line_num, stripped))
    return lines


def _column(cell: str) -> tuple[str, str]:
    """A header's cell as a column's name and unit."""
    found = _HEADER.fullmatch(cell)
    name, unit = (cell, "") if found is None else (found[1], found[2] or "")
    name = name.strip().lower()
    if name not in _POSITION:  # "column" ends in no unit
        name, unit = cell.strip().lower().replace(" ", "_"), ""
    return _ALIASES.get(name, name), unit.lower()


def _rows(
    path: Path, lines: list[tuple[int, list[str]]], columns: tuple[str, ...]
) -> tuple[CsvRow, ...]:
    rows: list[CsvRow] = []
    for line, cells in lines:
        if len(cells) < min(len(columns), 4):
            _wrong(path, line, f"it has {len(cells)} cells, not name, x, y, z")
        rows.append(CsvRow(line, dict(zip(columns, cells, strict=False))))
    return tuple(rows)


def _number(path: Path, row: CsvRow, column: str) -> float:
    text = row.cells.get(column, "")
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        _wrong(path, row.line, f"{column} of '{row.cells['name']}' is '{text}', not a number")
    return number


def _color(path: Path, row: CsvRow) -> Color | None:
    text = row.cells.get("color", "")
    if not text:
        return None
    found = _HEX.fullmatch(text)
    try:
        parts = [_linear(part) for part in found.groups()] if found else map(float, text.split())
        red, green, blue = parts
    except ValueError:
        red = green = blue = np.nan
    if not all(0 <= part <= 1 for part in (red, green, blue)):
        _wrong(path, row.line, f"the color '{text}' is neither #rrggbb nor three numbers to 1")
    return red, green, blue


def _linear(pair: str) -> float:
    """A channel of sRGB, two hexadecimal digits, as linear light (IEC 61966-2-1)."""
    value = int(pair, 16) / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _wrong(path: Path, line: int, what: str) -> NoReturn:
    raise UserError(
        "Table of markers not understood",
        f"{path}, line {line}: {what}.",
        "Correct the line: columns are name, x, y, z, and if you like group, color and place; or "
        "name and index, for vertex numbers.",
    )
