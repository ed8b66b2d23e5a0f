# SPDX-License-Identifier: GPL-3.0-or-later
"""PLY, the Stanford polygon format: ASCII and binary, vertices with normals, and faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...body.arrays import Float64Array, IntArray
from .ply_source import BinarySource, Fields, Rows, Source, TextSource
from .polygons import fan

TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
CORNER_LISTS = ("vertex_indices", "vertex_index")
LONGEST_HEADER = 1 << 16


@dataclass(frozen=True)
class Property:
    """One value of a row, or a list of them if count_type is given. Types as numpy names them."""

    name: str
    type: str
    count_type: str = ""


@dataclass(frozen=True)
class Element:
    """A table of the file: `count` rows of properties."""

    name: str
    count: int
    properties: list[Property]


@dataclass(frozen=True)
class Lists:
    """The values of a list property, row after row, and how many each row has."""

    values: Rows
    counts: IntArray


Columns = dict[str, Rows | Lists]


def read_ply(path: Path) -> tuple[Float64Array, IntArray | None, Float64Array | None]:
    """Vertices [N,3], triangles [F,3] or None, normals [N,3] or None. OSError or ValueError."""
    data = path.read_bytes()
    order, elements, start = _read_header(data)
    text = order == BYTE_ORDERS["ascii"]
    source = TextSource(data[start:]) if text else BinarySource(data, start, order)
    tables = {element.name: _read_table(source, element) for element in elements}
    vertices = _vectors(tables.get("vertex", {}), ("x", "y", "z"))
    if vertices is None:
        raise ValueError("it has no vertices")
    faces = None
    for name in CORNER_LISTS:
        corners = tables.get("face", {}).get(name)
        if isinstance(corners, Lists):
            faces = fan(corners.values.astype(np.int64), corners.counts)
    return vertices, faces, _vectors(tables["vertex"], ("nx", "ny", "nz"))


def _vectors(columns: Columns, names: tuple[str, ...]) -> Float64Array | None:
    found = [columns[name] for name in names if isinstance(columns.get(name), np.ndarray)]
    return np.stack(found, axis=1).astype(np.float64) if len(found) == len(names) else None


def _read_header(data: bytes) -> tuple[str, list[Element], int]:
    """The byte order, the elements, and where their rows begin."""
    end = data[:LONGEST_HEADER].find(b"end_header")
    if not data.startswith(b"ply") or end < 0:
        raise ValueError("it has no PLY header")
    order = ""
    elements: list[Element] = []
    for line in data[:end].decode("latin-1").splitlines():
        words = line.split()
        try:
            if words[:1] == ["format"]:
                order = BYTE_ORDERS[words[1]]
            elif words[:1] == ["element"]:
                elements.append(Element(words[1], int(words[2]), []))
            elif words[:1] == ["property"]:
                elements[-1].properties.append(_property(words[1:]))
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"its header has a line {line!r}") from error
    if not order:
        raise ValueError("its header names no format")
    return order, elements, data.index(b"\n", end) + 1


def _property(words: list[str]) -> Property:
    """A property of the words `TYPE NAME` or `list TYPE TYPE NAME`."""
    if words[0] == "list":
        return Property(words[3], TYPES[words[2]], TYPES[words[1]])
    return Property(words[1], TYPES[words[0]])


def _read_table(source: Source, element: Element) -> Columns:
    """All columns of an element; those of one with lists but no rows are left out."""
    if not any(item.count_type for item in element.properties):
        rows = source.take([(p.name, p.type) for p in element.properties], element.count)
        return {item.name: rows[item.name] for item in element.properties}
    if element.count == 0:
        return {}
    start = source.position
    columns = _uniform_lists(source, element)
    if columns is None:
        source.position = start
        columns = _ragged_lists(source, element)
    return columns


def _uniform_lists(source: Source, element: Element) -> Columns | None:
    """The columns, in bulk, if all lists of a property are as long as in the first row, as in a
    mesh of triangles; else None."""
    start = source.position
    first = _ragged_lists(source, Element(element.name, 1, element.properties))
    source.position = start
    fields: Fields = []
    for item in element.properties:
        column = first[item.name]
        if isinstance(column, Lists):
            fields.append((f"{item.name} count", item.count_type))
            fields += [(f"{item.name} {i}", item.type) for i in range(column.counts[0])]
        else:
            fields.append((item.name, item.type))
    try:
        rows = source.take(fields, element.count)
    except ValueError:  # a later list is shorter; or the file is cut off, which is found out there
        return None
    columns: Columns = {}
    for item in element.properties:
        column = first[item.name]
        if not isinstance(column, Lists):
            columns[item.name] = rows[item.name]
            continue
        counts = rows[f"{item.name} count"].astype(np.int64)
        if counts[0] == 0 or (counts != counts[0]).any():
            return None
        values = [rows[f"{item.name} {i}"] for i in range(counts[0])]
        columns[item.name] = Lists(np.stack(values, axis=1).ravel(), counts)
    return columns


def _ragged_lists(source: Source, element: Element) -> Columns:
    """The columns, row by row."""
    found: dict[str, list[Rows]] = {item.name: [] for item in element.properties}
    for _ in range(element.count):
        for item in element.properties:
            length = 1
            if item.count_type:
                length = int(source.take([("count", item.count_type)], 1)["count"][0])
            found[item.name].append(source.take([("value", item.type)], length)["value"])
    columns: Columns = {}
    for item in element.properties:
        values = np.concatenate(found[item.name])
        if item.count_type:
            counts = np.array([len(row) for row in found[item.name]], dtype=np.int64)
            columns[item.name] = Lists(values, counts)
        else:
            columns[item.name] = values
    return columns
