# SPDX-License-Identifier: GPL-3.0-or-later
"""Marker sets in files of any kind that is read or written, told by the suffix and the content."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..body.arrays import FloatArray
from ..errors import UserError
from .json_fields import Json, as_object
from .marker_axes import SMPL_AXES
from .marker_csv import markers_of, read_csv, write_csv
from .marker_set import OPEN, SUFFIX, MarkerSet, read_marker_set, write_marker_set
from .vertex_table import markers_at_vertices, table_of_csv, table_of_json

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
SUFFIXES = (SUFFIX, *CSV_SUFFIXES)

Vertices = Mapping[str, Callable[[], FloatArray]]


@dataclass(frozen=True)
class TableOptions:
    """What a table does not say itself. body: the canonical body that it is of, "" for the open
    one, or for vertex numbers the only other one at hand; unit: of METRES, "" for the header's;
    axes: where x, y and z point; name: of the set, "" for the file's."""

    body: str = ""
    unit: str = ""
    axes: str = SMPL_AXES
    name: str = ""


def read_markers(
    path: Path, vertices: Vertices | None = None, options: TableOptions | None = None
) -> MarkerSet:
    """The marker set in a JSON file, a table of positions, or a table of vertex numbers.

    vertices: by body, what gives its own canonical vertices [V,3], for vertex numbers. UserError,
    naming the file, the line and what to do, if the file is missing or damaged or has no marker.
    """
    found = _read(path, vertices or {}, options or TableOptions())
    if not found.markers:
        raise UserError(
            "Empty marker set", f"{path} has no markers.", "Add markers, or choose another file."
        )
    return found


def write_markers(
    path: Path, markers: MarkerSet, *, unit: str = "m", axes: str = SMPL_AXES
) -> None:
    """Write a marker set, as JSON or as a table by the suffix. UserError for another suffix;
    OSError from the disk."""
    kind = path.suffix.lower()
    _check_suffix(path, (SUFFIX, CSV_SUFFIXES[0]))
    if kind == SUFFIX:
        write_marker_set(path, markers)
    else:
        write_csv(path, markers, unit=unit, axes=axes)


def _read(path: Path, vertices: Vertices, options: TableOptions) -> MarkerSet:
    _check_suffix(path, SUFFIXES)
    if path.suffix.lower() in CSV_SUFFIXES:
        table = read_csv(path)
        if not table.has_indices:
            shown = {"unit": options.unit, "axes": options.axes, "name": options.name}
            return markers_of(table, body=options.body or OPEN, **shown)
        body = _body_of_table(path, vertices, options.body)
        return _at_vertices(path, table_of_csv(table), vertices, body, options.name)
    data = _table_json(path)
    if data is None:
        found = read_marker_set(path)
        return replace(found, name=options.name) if options.name else found
    body = _body_of_table(path, vertices, options.body)
    return _at_vertices(path, table_of_json(data, path, body), vertices, body, options.name)


def _table_json(path: Path) -> Json | None:
    """The object of a JSON file that is no marker set; None for one that is, or that cannot be
    read, which reading the marker set tells better."""
    try:
        data = as_object(json.loads(path.read_bytes(), object_pairs_hook=_once), path.name)
    except OSError:
        return None
    except (ValueError, RecursionError) as error:
        raise UserError(
            "Not a marker set",
            f"{path}: {error}.",
            "Choose a marker set that was saved as JSON, or correct the file.",
        ) from error
    return None if "format" in data or "markers" in data else data


def _once(pairs: Sequence[tuple[str, object]]) -> Json:
    """A JSON object in which no name is there twice: a table would lose one in silence."""
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice}' is there twice")
    return data


def _body_of_table(path: Path, vertices: Vertices, body: str) -> str:
    others = [kind for kind in vertices if kind != OPEN]
    chosen = body or (others[0] if len(others) == 1 else "")
    if chosen not in vertices:
        which = f"the file of {chosen}" if chosen else "the body that the numbers are of"
        raise UserError(
            "Vertex table without its body",
            f"{path} names vertices by their numbers, and {which} is not given.",
            "Choose the body file, SMPL's or SMPL-X's, that the numbers are of.",
        )
    return chosen


def _at_vertices(
    path: Path, table: Mapping[str, int], vertices: Vertices, body: str, name: str
) -> MarkerSet:
    return markers_at_vertices(table, vertices[body](), body, name=name or path.stem, path=path)


def _check_suffix(path: Path, suffixes: tuple[str, ...]) -> None:
    if path.suffix.lower() not in suffixes:
        raise UserError(
            "Unknown kind of file",
            f"{path.name} does not end in {' or '.join(suffixes)}.",
            "Give the file one of these endings.",
        )
