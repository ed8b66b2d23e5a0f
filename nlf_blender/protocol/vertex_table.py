# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of a body's vertices, as projects publish them for SMPL and SMPL-X: nose is 332.

As JSON, an object {"nose": 332, ...}, or such objects by body, {"smplh": {...}, "smplx": {...}}; as
CSV, columns name and index. The body's own canonical vertices make markers of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ..body.arrays import FloatArray
from ..errors import UserError
from .json_fields import Json, as_int, as_object
from .marker_csv import CsvTable
from .marker_set import BODIES, SMPL, SMPLH, Marker, MarkerSet

_SAME_MESH = {SMPL: SMPLH, SMPLH: SMPL}
_FIX = 'Give vertex names and numbers, as {"nose": 332}, or columns name and index.'


def table_of_json(data: Json, path: Path, body: str) -> dict[str, int]:
    """Vertex numbers by name out of a JSON object. UserError naming the entry that is none."""
    try:
        if data and all(isinstance(value, dict) for value in data.values()):
            key = next((key for key in (body, _SAME_MESH.get(body, "")) if key in data), None)
            if key is None:
                raise ValueError(f"it has tables for {', '.join(data)}, but none for {body}")
            data = as_object(data[key], key)
        return {name: _index(value, name) for name, value in data.items()}
    except ValueError as error:
        raise UserError("Vertex table not understood", f"{path}: {error}.", _FIX) from error


def table_of_csv(table: CsvTable) -> dict[str, int]:
    """Vertex numbers by name out of columns name and index. UserError naming the line."""
    found: dict[str, int] = {}
    for row in table.rows:
        name = row.cells.get("name", "")
        try:
            if not name or name in found:
                raise ValueError(f"'{name}' is there twice" if name else "a vertex has no name")
            found[name] = _index(json.loads(row.cells.get("index", "") or "null"), name)
        except ValueError as error:
            detail = f"{table.path}, line {row.line}: {error}."
            raise UserError("Vertex table not understood", detail, _FIX) from error
    return found


def markers_at_vertices(
    table: Mapping[str, int], vertices: FloatArray, body: str, *, name: str, path: Path
) -> MarkerSet:
    """A marker at each named vertex. vertices [V,3]: the body's own canonical ones, metres.
    UserError if a number is beyond them."""
    for label, index in table.items():
        if index >= len(vertices):
            raise UserError(
                "Vertex table of another body",
                f"{path}: '{label}' is vertex {index}, and {body} has {len(vertices)} vertices.",
                f"Choose the body that the table is for; there are {', '.join(BODIES)}.",
            )
    places = np.asarray(vertices, dtype=np.float64)
    try:
        return MarkerSet(name, tuple(_markers(table.items(), places)), body)
    except ValueError as error:
        raise UserError("Vertex table not understood", f"{path}: {error}.", _FIX) from error


def _markers(table: Iterable[tuple[str, int]], vertices: FloatArray) -> Iterable[Marker]:
    for name, index in table:
        x, y, z = (float(number) for number in vertices[index])
        yield Marker(name, (x, y, z), place=f"vertex {index}")


def _index(value: object, name: str) -> int:
    index = as_int(value, f"the vertex of '{name}'")
    if index < 0:
        raise ValueError(f"the vertex of '{name}' is below 0")
    return index
