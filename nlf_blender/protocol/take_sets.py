# SPDX-License-Identifier: GPL-3.0-or-later
"""The point sets of a take: what was localized beside the body, in `sets/SLUG/`.

    set.npz             the set itself (point_set.py)
    chunk_00000.npz     of each chunk of the take: a row for each of its rows, see SET_FIELDS
    rig.npz             of photos, a rig's pose in each row, camera space (motion_files.RIG_FIELDS)
    set.json            which chunks there are; written last

Rows are in camera space, as in the take's own chunks, and are never changed once they are written.
A set of another content with the same name takes its place. `features/` in the take holds what the
network saw of every row, where the user allowed it to be kept: with it, new sets need no network.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .files import file_sha256, plain_name, read_versioned, whole_file, write_whole
from .json_fields import Json, as_int, as_list, as_object, as_str

FORMAT = "nlf_blender.take_set"
VERSION = 1
SETS_FOLDER = "sets"
FEATURES_FOLDER = "features"
SET_FILE = "set.json"
POINTS_FILE = "set.npz"
RIG_FILE = "rig.npz"

# name -> (dtype, axes after R, the row); K points. Both are NaN where a point was not localized:
# too far from the body, or in a picture that could not be read again.
SET_FIELDS: dict[str, tuple[str, str]] = {
    "points": ("float32", "K3"),  # metres, camera space
    "uncertainty": ("float32", "K"),  # metres
}
SetRows = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class SetChunk:
    """One chunk file of a set. of: the content hash of the take's chunk whose rows it has."""

    file: str
    sha256: str
    of: str
    rows: int


@dataclass(frozen=True)
class TakeSet:
    """The contents of set.json. kind: as of the PointSet; count: K; points_sha256: of set.npz;
    notes: what the user should know, such as points that were left out."""

    name: str
    kind: str
    body: str
    count: int
    points_sha256: str
    chunks: tuple[SetChunk, ...] = ()
    notes: tuple[str, ...] = ()

    def chunk_of(self, sha256: str) -> SetChunk | None:
        """The rows that belong to the take's chunk of this content hash, or None."""
        return next((chunk for chunk in self.chunks if chunk.of == sha256), None)

    @classmethod
    def from_json(cls, data: Json) -> TakeSet:
        """What `write_take_set` wrote; ValueError naming the field that is missing or wrong."""
        return cls(
            name=as_str(data.get("name"), "name"),
            kind=as_str(data.get("kind"), "kind"),
            body=as_str(data.get("body"), "body"),
            count=as_int(data.get("count"), "count"),
            points_sha256=as_str(data.get("points_sha256"), "points_sha256"),
            chunks=tuple(_chunk(item) for item in as_list(data.get("chunks"), "chunks")),
            notes=tuple(as_str(n, "notes") for n in as_list(data.get("notes", []), "notes")),
        )


def _chunk(value: object) -> SetChunk:
    data = as_object(value, "a chunk")
    return SetChunk(
        file=plain_name(data.get("file"), "chunk.file"),
        sha256=as_str(data.get("sha256"), "chunk.sha256"),
        of=as_str(data.get("of"), "chunk.of"),
        rows=as_int(data.get("rows"), "chunk.rows"),
    )


def write_take_set(folder: Path, info: TakeSet) -> None:
    """Write set.json into a set's folder, which makes the chunks that it lists part of the set.
    OSError from the disk."""
    data = {"format": FORMAT, "version": VERSION, **asdict(info)}
    write_whole(folder / SET_FILE, json.dumps(data, indent=1, ensure_ascii=False).encode())


def read_take_set(folder: Path) -> TakeSet:
    """set.json of a set's folder. FileNotFoundError without one; UserError if it is damaged or from
    a newer version."""
    path = folder / SET_FILE
    try:
        return TakeSet.from_json(read_versioned(path, FORMAT, VERSION))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise damaged_set(path, error) from error


def take_sets(take: Path) -> dict[str, TakeSet]:
    """All sets of a take by the names of their folders, in order. UserError if one is damaged."""
    folders = sorted(path.parent for path in (take / SETS_FOLDER).glob(f"*/{SET_FILE}"))
    return {folder.name: read_take_set(folder) for folder in folders}


def set_contents(take: Path) -> dict[str, str]:
    """The content hash of set.json of each of a take's sets, by the names of their folders, in
    order; it follows all that is in the set. OSError from the disk."""
    files = sorted((take / SETS_FOLDER).glob(f"*/{SET_FILE}"))
    return {path.parent.name: file_sha256(path) for path in files}


def remove_take_set(folder: Path) -> None:
    """Remove a set's folder: a program that is killed here leaves no set. OSError from the disk."""
    (folder / SET_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def write_set_chunk(folder: Path, index: int, of: str, rows: SetRows) -> SetChunk:
    """Write rows (SET_FIELDS) of the take's chunk number `index`, whose hash is `of`, and return
    the entry for set.json. OSError from the disk."""
    # row by row on the disk, for it is mapped where it lies
    arrays = {n: np.ascontiguousarray(rows[n], dtype=SET_FIELDS[n][0]) for n in SET_FIELDS}
    path = folder / f"chunk_{index:05d}.npz"
    with whole_file(path) as file:  # not by way of memory: there may be very many points
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
    return SetChunk(path.name, file_sha256(path), of, len(arrays["points"]))


def read_set_chunk(folder: Path, info: TakeSet, chunk: SetChunk) -> dict[str, NDArray[Any]]:
    """The arrays of one of a set's chunks (SET_FIELDS). UserError if it is damaged."""
    path = folder / chunk.file
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, NDArray[Any]] = {name: file[name] for name in SET_FIELDS}
        for name, shape in (("points", (info.count, 3)), ("uncertainty", (info.count,))):
            array = arrays[name]
            if array.dtype != SET_FIELDS[name][0] or array.shape != (chunk.rows, *shape):
                raise ValueError(f"{name} has shape {array.shape} of {array.dtype}")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise damaged_set(path, error) from error
    return arrays


def damaged_set(path: Path, error: Exception | str) -> UserError:
    """What the user is told of a file of a take's set that cannot be used."""
    return UserError(
        "Damaged point set",
        f"{path}: {error}.",
        f"Delete {path.parent} and localize the points of this set again; the rest of the take is"
        " not touched.",
    )
