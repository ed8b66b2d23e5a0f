# SPDX-License-Identifier: GPL-3.0-or-later
"""The take: the result of localizing one source, as a folder `NAME.take`.

    take.json         what was localized, by what, seen through which camera (see `TakeInfo`)
    body.npz          the body that was fitted, reduced to what a scene needs (body/body_data.py)
    chunk_00000.npz   rows, one per person and frame (see `ROW_FIELDS`)

Every file is written under a temporary name and renamed, and take.json last: a folder with a
take.json is whole up to the chunks that it lists. Points are in camera space: metres, x right,
y down, z forward. A reader refuses a format version newer than its own.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .files import ResultLayout, file_sha256, plain_name, read_versioned, write_whole
from .json_fields import Json, as_float, as_floats, as_int, as_list, as_object, as_str, optional

FORMAT = "nlf_blender.take"
VERSION = 1
SUFFIX = ".take"
TAKE_FILE = "take.json"
LAYOUT = ResultLayout(SUFFIX, TAKE_FILE)
BODY_FILE = "body.npz"

# name -> (dtype, axes after R, the row); V vertices, then J joints make up the N points
ROW_FIELDS: dict[str, tuple[str, str]] = {
    "frame": ("int64", ""),  # index into the source, from 0
    "timestamp": ("float64", ""),  # seconds from the start of the source
    "track": ("int64", ""),  # TrackInfo.id
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
Rows = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class SourceInfo:
    """What was localized. kind: image, images, image sequence or video; sizes: pixels, upright.

    display: a file in the take that shows the source as it was localized, for programs that
    ignore EXIF rotation or cannot read its colours; "" where the source itself does.
    """

    kind: str
    path: str
    sha256: str
    width: int
    height: int
    display: str = ""
    frame_count: int = 1
    fps: float | None = None


@dataclass(frozen=True)
class CameraInfo:
    """The camera that was assumed. intrinsics: row-major 3x3 in pixels, where the middle of the
    top-left pixel is (0, 0); distortion: OpenCV coefficients; origin: where the focal length came
    from ("default", "field of view", "focal length" or "EXIF")."""

    intrinsics: tuple[float, ...]
    distortion: tuple[float, ...] = ()
    origin: str = "default"

    def matrix(self) -> NDArray[np.float64]:
        """The intrinsics as a [3,3] array."""
        return np.array(self.intrinsics, dtype=np.float64).reshape(3, 3)


@dataclass(frozen=True)
class ModelInfo:
    """Provenance of a model or body file: its name, content hash and licence."""

    name: str
    sha256: str
    license: str


@dataclass(frozen=True)
class TrackInfo:
    """One person through the take."""

    id: int
    name: str


@dataclass(frozen=True)
class ChunkInfo:
    """One chunk file: its name, its content hash and its number of rows."""

    file: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class TakeInfo:
    """The contents of take.json. settings: LocalizeSettings.to_json(); software: name, version."""

    source: SourceInfo
    camera: CameraInfo
    model: ModelInfo
    body: ModelInfo
    settings: Json
    software: str
    created: str
    tracks: tuple[TrackInfo, ...] = ()
    chunks: tuple[ChunkInfo, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> Json:
        """The object that take.json holds, with format, version, units and axes spelled out."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "units": {"length": "metre", "angle": "radian", "image": "pixel", "time": "second"},
            "axes": "camera: x right, y down, z forward",
            **asdict(self),
        }

    @classmethod
    def from_json(cls, data: Json) -> TakeInfo:
        """What `to_json` wrote; ValueError naming the field that is missing or wrong."""
        source = as_object(data.get("source"), "source")
        camera = as_object(data.get("camera"), "camera")
        return cls(
            source=SourceInfo(
                kind=as_str(source.get("kind"), "source.kind"),
                path=as_str(source.get("path"), "source.path"),
                sha256=as_str(source.get("sha256"), "source.sha256"),
                width=as_int(source.get("width"), "source.width"),
                height=as_int(source.get("height"), "source.height"),
                display=plain_name(source.get("display", ""), "source.display"),
                frame_count=as_int(source.get("frame_count"), "source.frame_count"),
                fps=optional(source.get("fps"), as_float, "source.fps"),
            ),
            camera=_camera_from_json(camera),
            model=model_from_json(data.get("model"), "model"),
            body=model_from_json(data.get("body"), "body"),
            settings=as_object(data.get("settings"), "settings"),
            software=as_str(data.get("software"), "software"),
            created=as_str(data.get("created"), "created"),
            tracks=tuple(_track_from_json(item) for item in as_list(data.get("tracks"), "tracks")),
            chunks=tuple(_chunk_from_json(item) for item in as_list(data.get("chunks"), "chunks")),
            notes=tuple(as_str(n, "notes") for n in as_list(data.get("notes", []), "notes")),
        )


def _camera_from_json(camera: Json) -> CameraInfo:
    intrinsics = as_floats(camera.get("intrinsics"), "camera.intrinsics")
    if len(intrinsics) != 9 or intrinsics[0] <= 0 or intrinsics[4] <= 0:
        raise ValueError("camera.intrinsics is not a 3x3 matrix with positive focal lengths")
    return CameraInfo(
        intrinsics=intrinsics,
        distortion=as_floats(camera.get("distortion"), "camera.distortion"),
        origin=as_str(camera.get("origin"), "camera.origin"),
    )


def model_from_json(value: object, what: str) -> ModelInfo:
    """What `asdict` made of a ModelInfo; ValueError naming the field that is wrong."""
    data = as_object(value, what)
    return ModelInfo(*(as_str(data.get(k), f"{what}.{k}") for k in ("name", "sha256", "license")))


def _track_from_json(value: object) -> TrackInfo:
    data = as_object(value, "a track")
    return TrackInfo(as_int(data.get("id"), "track.id"), as_str(data.get("name"), "track.name"))


def _chunk_from_json(value: object) -> ChunkInfo:
    data = as_object(value, "a chunk")
    return ChunkInfo(
        file=plain_name(data.get("file"), "chunk.file"),
        sha256=as_str(data.get("sha256"), "chunk.sha256"),
        rows=as_int(data.get("rows"), "chunk.rows"),
    )


def write_chunk(folder: Path, index: int, rows: Rows) -> ChunkInfo:
    """Write rows as chunk number `index` and return its entry for take.json. OSError from the disk.

    Rows are float32 and uncompressed: reading 1,000 frames back must cost no more than the disk.
    """
    arrays = {name: np.asarray(rows[name], dtype=ROW_FIELDS[name][0]) for name in ROW_FIELDS}
    counts = {len(array) for array in arrays.values()}
    if len(counts) != 1:
        raise ValueError(f"chunk fields differ in rows: {sorted(counts)}")
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    path = folder / f"chunk_{index:05d}.npz"
    data = buffer.getvalue()
    write_whole(path, data)
    return ChunkInfo(path.name, hashlib.sha256(data).hexdigest(), counts.pop())


def write_info(folder: Path, info: TakeInfo) -> None:
    """Write take.json, which makes the chunks that it lists part of the take."""
    text = json.dumps(info.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / TAKE_FILE, text.encode())


def read_info(folder: Path) -> TakeInfo:
    """take.json of a take folder. UserError if it is missing, damaged or from a newer version."""
    path = folder / TAKE_FILE
    try:
        return TakeInfo.from_json(read_versioned(path, FORMAT, VERSION))
    except FileNotFoundError as error:
        raise UserError(
            "No take here", f"{folder} has no {TAKE_FILE}.", "Choose a folder that ends in .take."
        ) from error
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def read_rows(folder: Path, info: TakeInfo) -> dict[str, NDArray[Any]]:
    """All rows of a take, fields as in ROW_FIELDS with R rows. UserError if a chunk is damaged."""
    chunks = [_read_chunk(folder / chunk.file, chunk) for chunk in info.chunks]
    if not chunks:
        raise UserError(
            "Nobody in this take", f"{folder} has no people.", "Localize a photo with a person."
        )
    try:
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in ROW_FIELDS}
    except ValueError as error:
        raise _damaged(folder, error) from error


def _read_chunk(path: Path, chunk: ChunkInfo) -> dict[str, NDArray[Any]]:
    try:
        if file_sha256(path) != chunk.sha256:
            raise ValueError("its content is not what was written")
        with np.load(path, allow_pickle=False) as data:
            rows: dict[str, NDArray[Any]] = {name: data[name] for name in ROW_FIELDS}
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    for name, (dtype, axes) in ROW_FIELDS.items():
        array = rows[name]
        if array.dtype != dtype or array.ndim != 1 + len(axes) or len(array) != chunk.rows:
            raise _damaged(path, ValueError(f"{name} has shape {array.shape} of {array.dtype}"))
    return rows


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError("Damaged take", f"{path}: {error}.", "Localize the source again.")
