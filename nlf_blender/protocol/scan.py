# SPDX-License-Identifier: GPL-3.0-or-later
"""A scan on its way to the worker: a mesh or a cloud of points, as a file NAME.npz.

vertices   [N,3] in units of the scan's own, SMPL's axes: y up
faces      [F,3] triangles, if it is a mesh
normals    [N,3] of the vertices, unit length, if they are known
name       what the user calls it
origin     the file that it is from
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .files import write_whole

_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]+|[. ]+$')
_LONGEST_NAME = 100
_KEYS = ("vertices", "faces", "normals", "name", "origin")


@dataclass(frozen=True, eq=False)  # arrays do not compare to one truth
class Scan:
    """Vertices [N,3] in the scan's own units and SMPL's axes (y up); triangles [F,3] into them,
    none for a cloud of points; normals [N,3] of the vertices, or None.

    name: what the user calls it; origin: the file that it is from, "" if it was never saved.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64] | None
    normals: NDArray[np.float64] | None
    name: str
    origin: str = ""


def file_name(name: str) -> str:
    """A file name without ending that is close to a name of any characters."""
    return _NOT_IN_FILE_NAMES.sub("_", name)[:_LONGEST_NAME].strip() or "scan"


def write_scan(path: Path, scan: Scan) -> None:
    """Write a scan as npz. OSError from the disk."""
    arrays: dict[str, NDArray[Any]] = {
        "vertices": scan.vertices.astype(np.float64),
        "name": np.array(scan.name),
        "origin": np.array(scan.origin),
    }
    if scan.faces is not None:
        arrays["faces"] = scan.faces.astype(np.int32)
    if scan.normals is not None:
        arrays["normals"] = scan.normals.astype(np.float32)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_whole(path, buffer.getvalue())


def read_scan(path: Path) -> Scan:
    """The scan in an npz; one without a name has the file's. UserError if it holds no scan."""
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {key: data[key] for key in _KEYS if key in data}
        if "vertices" not in arrays:
            raise ValueError("it has no array named vertices")
        return checked_scan(
            arrays["vertices"],
            arrays.get("faces"),
            arrays.get("normals"),
            str(arrays.get("name", path.stem)),
            str(arrays.get("origin", path)),
        )
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise not_a_scan(path, error) from error


def checked_scan(
    vertices: NDArray[Any],
    faces: NDArray[Any] | None,
    normals: NDArray[Any] | None,
    name: str,
    origin: str,
) -> Scan:
    """A scan of arrays that may have any types. ValueError if they do not fit together."""
    places = np.asarray(vertices, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 3:
        raise ValueError(f"vertices have shape {places.shape}, not (N, 3)")
    triangles = directions = None
    if faces is not None and len(faces):
        triangles = np.asarray(faces).astype(np.int64)
        if triangles.ndim != 2 or triangles.shape[1] != 3:
            raise ValueError(f"faces have shape {triangles.shape}, not (F, 3)")
        if triangles.min() < 0 or triangles.max() >= len(places):
            raise ValueError(f"a face refers to no vertex: there are {len(places)}")
    if normals is not None:
        directions = np.asarray(normals, dtype=np.float64)
        if directions.shape != places.shape:
            raise ValueError(f"normals have shape {directions.shape}, vertices {places.shape}")
    return Scan(places, triangles, directions, name, origin)


def not_a_scan(path: Path, error: Exception) -> UserError:
    """What the user is told of a file that cannot be read as a scan."""
    if isinstance(error, FileNotFoundError):
        return UserError("No such scan", f"{path} does not exist.", "Choose the scan again.")
    return UserError(
        "Not a scan",
        f"{path}: {error}.",
        "Use a PLY, OBJ or npz file; Blender exports the first two.",
    )
