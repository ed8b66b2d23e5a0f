# SPDX-License-Identifier: GPL-3.0-or-later
"""Point sets for tests of jobs that localize them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nlf_blender.protocol.marker_set import Marker, MarkerSet, write_marker_set
from nlf_blender.protocol.rows import read_chunk
from nlf_blender.protocol.take import read_info
from nlf_blender.protocol.take_sets import SETS_FOLDER, TakeSet, read_set_chunk, read_take_set
from tests.worker.footage_fakes import placement

VERTICES = (0, 100, 2000, 5000)
FAR = (0.0, 3.0, 0.0)  # metres, well above the head


def at_vertices(*vertices: int) -> dict[str, tuple[float, float, float]]:
    """Markers at vertices of the open body, by name."""
    own = placement().own.vertices
    return {f"v{v}": tuple(float(x) for x in own[v]) for v in vertices}


def marker_file(
    folder: Path, name: str = "Mine", places: dict[str, tuple[float, float, float]] | None = None
) -> str:
    """Write a marker set and return its path."""
    places = at_vertices(*VERTICES) if places is None else places
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    markers = tuple(Marker(key, position) for key, position in places.items())
    write_marker_set(path, MarkerSet(name, markers))
    return str(path)


def set_of(take: Path, slug: str = "Mine") -> tuple[TakeSet, np.ndarray, np.ndarray]:
    """A set of a take: set.json, points [R,K,3] and uncertainty [R,K] of all rows of the take."""
    folder = take / SETS_FOLDER / slug
    info = read_take_set(folder)
    parts = []
    for chunk in read_info(take).chunks:
        found = info.chunk_of(chunk.sha256)
        assert found is not None and found.rows == chunk.rows
        parts.append(read_set_chunk(folder, info, found))
    return info, *(np.concatenate([p[n] for p in parts]) for n in ("points", "uncertainty"))


def body_points(take: Path, *vertices: int) -> np.ndarray:
    """The take's own vertices [R,n,3]."""
    chunks = read_info(take).chunks
    return np.concatenate([read_chunk(take, c, ("points",))["points"] for c in chunks])[
        :, list(vertices)
    ]
