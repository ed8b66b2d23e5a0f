# SPDX-License-Identifier: GPL-3.0-or-later
"""A scan from a file of any kind that is known."""

from __future__ import annotations

from pathlib import Path

from ...protocol.scan import Scan, checked_scan, not_a_scan, read_scan
from .obj import read_obj
from .ply import read_ply


def read_scan_file(path: Path) -> Scan:
    """The scan in a PLY, OBJ or npz file, in its own units and axes. UserError if there is none."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_scan(path)
    try:
        if suffix == ".ply":
            vertices, faces, normals = read_ply(path)
        elif suffix == ".obj":
            (vertices, faces), normals = read_obj(path), None
        else:
            raise ValueError("its name does not end in .ply, .obj or .npz")
        return checked_scan(vertices, faces, normals, path.stem, str(path.resolve()))
    except (OSError, ValueError) as error:
        raise not_a_scan(path, error) from error
