# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads MakeHuman's clothes: an .mhclo file, which binds the vertices of an .obj to the base mesh.

A line of the binding is `v` (on that vertex), or `v1 v2 v3 w1 w2 w3 dx dy dz`: a weighted sum of
three vertices and an offset in units of 1 dm, which the lines `x_scale a b length` (and y, z) scale
by the distance of two vertices along that axis. `delete_verts` lists vertices that are covered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .....body.arrays import Float64Array
from .....errors import UserError
from .base_mesh import IntArray

METRES = 0.1  # MakeHuman's unit
_AXES = ("x_scale", "y_scale", "z_scale")


@dataclass(frozen=True, eq=False)
class Clothes:
    """G vertices bound to the base mesh. corners [G,3] with weights [G,3]; offsets [G,3] in dm.

    scales: per axis two vertices and their distance in dm for which the offsets hold. covered:
    vertices of the base mesh that are not to be seen. faces [F,3].
    """

    name: str
    tags: frozenset[str]
    corners: IntArray
    weights: Float64Array
    offsets: Float64Array
    scales: dict[int, tuple[int, int, float]]
    covered: IntArray
    faces: IntArray

    def on_base(self, base: Float64Array) -> Float64Array:
        """Vertices [G,3] on a base mesh [M,3], metres."""
        anchors = (base[self.corners] * self.weights[..., None]).sum(axis=1)
        factors = np.full(3, METRES)
        for axis, (first, second, length) in self.scales.items():
            factors[axis] = abs(base[first, axis] - base[second, axis]) / length
        return anchors + self.offsets * factors


def read_clothes(path: str, texts: dict[str, str], base_count: int) -> Clothes:
    """The clothes of the .mhclo file `path` among `texts` (path -> text), with their .obj.

    UserError names the file and line if it is broken or the .obj is not there.
    """
    draft = _Draft(path)
    for number, line in enumerate(texts[path].splitlines(), start=1):
        words = line.split()
        if words and not words[0].startswith("#"):
            try:
                draft.take(words)
            except (ValueError, IndexError) as error:
                raise _broken(path, f"line {number} ({line.strip()[:60]!r}): {error}") from error
    obj_path = f"{path.rpartition('/')[0]}/{draft.obj_file}".lstrip("/")
    if obj_path not in texts:
        raise _broken(path, f"its mesh {draft.obj_file or 'obj_file'} is not beside it")
    vertex_count, faces = read_obj(obj_path, texts[obj_path])
    if vertex_count != len(draft.rows):
        raise _broken(path, f"binds {len(draft.rows)} vertices of a mesh with {vertex_count}")
    return draft.finished(faces, base_count)


def read_obj(path: str, text: str) -> tuple[int, IntArray]:
    """How many vertices a Wavefront file has, and its faces as triangles [F,3]."""
    count, triangles = 0, []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if words[:1] == ["v"]:
            count += 1
        elif words[:1] == ["f"]:
            try:
                corners = [int(word.split("/")[0]) - 1 for word in words[1:]]
            except ValueError as error:
                raise _broken(path, f"line {number}: {error}") from error
            triangles += [(corners[0], *pair) for pair in pairwise(corners[1:])]
    faces = np.array(triangles, np.int64).reshape(-1, 3)
    if not len(faces) or faces.min() < 0 or faces.max() >= count:
        raise _broken(path, f"has no faces, or faces beyond its {count} vertices")
    return count, faces


@dataclass
class _Draft:
    """What has been read of an .mhclo file so far."""

    path: str
    name: str = ""
    obj_file: str = ""
    tags: set[str] = field(default_factory=set)
    scales: dict[int, tuple[int, int, float]] = field(default_factory=dict)
    rows: list[list[float]] = field(default_factory=list)
    covered: list[int] = field(default_factory=list)
    in_covered: bool = False

    def take(self, words: list[str]) -> None:
        """One line. A keyword among the rows does not end them: some files put `material` there."""
        key = words[0]
        if key == "name":
            self.name = " ".join(words[1:])
        elif key == "obj_file":
            self.obj_file = words[1]
        elif key == "tag":
            self.tags.add(" ".join(words[1:]).lower())
        elif key in _AXES:
            self.scales[_AXES.index(key)] = (int(words[1]), int(words[2]), float(words[3]))
        elif key == "delete_verts":
            self.in_covered = True
        elif key[0].isdigit() and self.in_covered:
            self.covered += _ranges(words)
        elif key[0].isdigit():
            self.rows.append(_row([float(word) for word in words]))

    def finished(self, faces: IntArray, base_count: int) -> Clothes:
        """The clothes, if all numbers make sense."""
        rows = np.array(self.rows).reshape(-1, 9)
        corners, covered = rows[:, :3].astype(np.int64), np.array(self.covered, np.int64)
        named = [*corners.ravel(), *covered, *(v for row in self.scales.values() for v in row[:2])]
        if not np.isfinite(rows).all() or min(named) < 0 or max(named) >= base_count:
            raise _broken(self.path, f"names vertices beyond the base mesh's {base_count}, or NaN")
        if any(length <= 0 for _, _, length in self.scales.values()):
            raise _broken(self.path, "a scale's length is not positive")
        return Clothes(
            name=self.name or self.path.rpartition("/")[2].removesuffix(".mhclo"),
            tags=frozenset(self.tags),
            corners=corners,
            weights=rows[:, 3:6],
            offsets=rows[:, 6:],
            scales=self.scales,
            covered=covered,
            faces=faces,
        )


def _row(numbers: list[float]) -> list[float]:
    if len(numbers) == 1:
        return [numbers[0]] * 3 + [1.0, 0.0, 0.0] + [0.0] * 3
    if len(numbers) != 9:
        raise ValueError("a vertex is bound by 1 or 9 numbers")
    return numbers


def _ranges(words: list[str]) -> list[int]:
    """`3 5 - 7` -> [3, 5, 6, 7]."""
    numbers: list[int] = []
    until = False
    for word in words:
        if word == "-":
            until = True
        elif until:
            numbers += range(numbers[-1] + 1, int(word) + 1)
            until = False
        else:
            numbers.append(int(word))
    return numbers


def _broken(path: str, what: str) -> UserError:
    return UserError(
        "Broken clothes file",
        f"{path}: {what}.",
        "Take the file out of the archive, or unpack the archive again.",
    )
