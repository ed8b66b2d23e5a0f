# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a take: chunk files of numpy arrays, one row per person and frame.

A chunk also lists the frames that it covers, so that a frame without people is known to have been
looked at. Chunks are never changed once they are written.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..body.npz_file import DAMAGED
from ..errors import UserError
from .files import write_whole

# name -> (dtype, axes after R, the row); V vertices, then J joints make up the N points
ROW_FIELDS: dict[str, tuple[str, str]] = {
    "frame": ("int64", ""),  # index into the source, from 0
    "timestamp": ("float64", ""),  # seconds from the start of the source
    "track": ("int64", ""),  # TrackInfo.id; in footage a tracklet: an unbroken run of sightings
    "box": ("float32", "4"),  # x0, y0, x1, y1 in pixels
    "score": ("float32", ""),  # the detector's, 0 to 1; 1 for a box drawn by hand
    "points": ("float32", "N3"),  # localized vertices and joints, metres, camera space
    "uncertainty": ("float32", "N"),  # metres
    "pose": ("float32", "J3"),  # rotation vectors relative to the parent, radians
    "betas": ("float32", "B"),  # shape parameters
    "translation": ("float32", "3"),  # metres, camera space
    "scale": ("float32", ""),  # factor on the whole body
    "fit_error": ("float32", ""),  # mean distance of fitted from localized vertices, metres
}
# Of footage; a photo's rows have the crop, too
FOOTAGE_FIELDS: dict[str, tuple[str, str]] = {
    # the turned square about the person that landmarks tell, in the middle of what the default
    # model sees (worker/people/person.py): centre x, y and side in pixels, roll in radians
    "crop": ("float64", "4"),
    "appearance": ("float32", "A"),  # what the person looks like, see worker/people/appearance.py
}
# name -> dtype; F frames, in order
FRAME_FIELDS: dict[str, str] = {
    "frames": "int64",  # indices into the source
    "times": "float64",  # seconds from the start of the source
    "cuts": "bool",  # whether another shot begins here
}
Rows = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ChunkInfo:
    """One chunk file: its name, its content hash, its number of rows and of frames (0 frames: a
    photo, or rows that were added to frames of other chunks)."""

    file: str
    sha256: str
    rows: int
    frames: int = 0


def write_chunk(folder: Path, index: int, rows: Rows) -> ChunkInfo:
    """Write rows as chunk number `index` and return its entry for take.json. OSError from the disk.

    rows: ROW_FIELDS, in footage FOOTAGE_FIELDS and FRAME_FIELDS too. They are float32 and
    uncompressed: reading 1,000 frames back must cost no more than the disk.
    """
    fields = {**ROW_FIELDS, **FOOTAGE_FIELDS}
    arrays = {n: np.asarray(rows[n], dtype=fields[n][0]) for n in fields if _wanted(n, rows)}
    counts = {len(array) for array in arrays.values()}
    if len(counts) != 1:
        raise ValueError(f"chunk fields differ in rows: {sorted(counts)}")
    frame_arrays = {
        n: np.asarray(rows[n], dtype=FRAME_FIELDS[n]) for n in FRAME_FIELDS if n in rows
    }
    frames = len(frame_arrays.get("frames", ()))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays, **frame_arrays)  # pyright: ignore[reportArgumentType]
    path = folder / f"chunk_{index:05d}.npz"
    data = buffer.getvalue()
    write_whole(path, data)
    return ChunkInfo(path.name, hashlib.sha256(data).hexdigest(), counts.pop(), frames)


def _wanted(name: str, rows: Rows) -> bool:
    return name in ROW_FIELDS or name in rows


def read_chunk(
    folder: Path, chunk: ChunkInfo, names: Iterable[str] | None = None, *, verify: bool = True
) -> dict[str, NDArray[Any]]:
    """A chunk's arrays: those named (rows, footage or frame fields), or all that it has.

    Without `verify` its content hash is not compared, and nothing is read but what is named.
    UserError if it is damaged or lacks one.
    """
    path = folder / chunk.file
    try:
        data: Path | io.BytesIO = path
        if verify:
            data = io.BytesIO(path.read_bytes())
            if hashlib.sha256(data.getbuffer()).hexdigest() != chunk.sha256:
                raise ValueError("its content is not what was written")
        if not zipfile.is_zipfile(data):  # numpy would advise to trust it
            raise ValueError("it is not an npz archive, or it is cut off")
        with np.load(data, allow_pickle=False) as file:
            known = {*ROW_FIELDS, *FOOTAGE_FIELDS, *FRAME_FIELDS}
            wanted = [*ROW_FIELDS, *(known & set(file.files) - set(ROW_FIELDS))]
            arrays: dict[str, NDArray[Any]] = {n: file[n] for n in (names or wanted)}
        for name, array in arrays.items():
            _check_array(name, array, chunk)
    except (OSError, *DAMAGED) as error:
        raise damaged(path, error) from error
    return arrays


def _check_array(name: str, array: NDArray[Any], chunk: ChunkInfo) -> None:
    if name in FRAME_FIELDS:
        dtype, axes, length = FRAME_FIELDS[name], "", chunk.frames
    else:
        dtype, axes = ROW_FIELDS.get(name) or FOOTAGE_FIELDS[name]
        length = chunk.rows
    if array.dtype != dtype or array.ndim != 1 + len(axes) or len(array) != length:
        raise ValueError(f"{name} has shape {array.shape} of {array.dtype}")


def read_rows(
    folder: Path, chunks: Iterable[ChunkInfo], names: Iterable[str] = ROW_FIELDS
) -> dict[str, NDArray[Any]]:
    """The rows of all chunks, joined in their order. UserError if one is damaged.

    It holds all of them in memory: name few fields of long footage, never points.
    """
    names = tuple(names)
    read = [read_chunk(folder, chunk, names) for chunk in chunks]
    if not read:
        raise UserError(
            "Nobody in this take",
            f"{folder} has no people.",
            "Localize a source with a person in it.",
        )
    try:
        return {name: np.concatenate([arrays[name] for arrays in read]) for name in names}
    except ValueError as error:
        raise damaged(folder, error) from error


def damaged(path: Path, error: Exception) -> UserError:
    """What the user is told of a take that cannot be used."""
    return UserError("Damaged take", f"{path}: {error}.", "Localize the source again.")
