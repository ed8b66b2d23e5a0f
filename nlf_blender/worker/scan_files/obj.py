# SPDX-License-Identifier: GPL-3.0-or-later
"""Wavefront OBJ: the vertices and faces of all objects in a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ...body.arrays import Float64Array, IntArray
from .polygons import fan


def read_obj(path: Path) -> tuple[Float64Array, IntArray]:
    """Vertices [N,3] and triangles [F,3]. OSError or ValueError if it is no such file.

    Texture coordinates, normals, colours, groups, lines and free-form curves are passed over.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        vertices, corners, counts = _read_lines(file)
    if not vertices:
        raise ValueError("it has no vertices")
    triangles = fan(np.array(corners, dtype=np.int64), np.array(counts, dtype=np.int64))
    return np.array(vertices), triangles


def _read_lines(lines: Iterable[str]) -> tuple[list[list[float]], list[int], list[int]]:
    """Vertices, the corners of all faces, and how many each face has."""
    vertices: list[list[float]] = []
    corners: list[int] = []
    counts: list[int] = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        try:
            if line.startswith("v "):
                x, y, z = words[1:4]  # a colour may follow
                vertices.append([float(x), float(y), float(z)])
            elif line.startswith("f "):
                corners += [_vertex(word, len(vertices)) for word in words[1:]]
                counts.append(len(words) - 1)
        except ValueError as error:
            raise ValueError(f"line {number} is no OBJ: {line[:60].strip()!r}") from error
    return vertices, corners, counts


def _vertex(word: str, known: int) -> int:
    """The vertex of a corner `v`, `v/vt`, `v//vn` or `v/vt/vn`: from 1, or backward from -1."""
    index = int(word.partition("/")[0])
    return index - 1 if index > 0 else known + index
