# SPDX-License-Identifier: GPL-3.0-or-later
"""The take: the result of localizing one source, as a folder `NAME.take`.

    take.json         what was localized, by what, seen through which camera (see `TakeInfo`)
    body.npz          the body that was fitted, reduced to what a scene needs (body/body_data.py)
    chunk_00000.npz   what the localizer said: rows, one per person and frame (rows.py)
    sets/, features/  markers and other points beside the body (take_sets.py)
    pending_sets/     sets on their way in, of a job that was stopped

Of footage also:
    cameras.npz       where the camera was in every frame, if that is known (cameras.py)
    thumbs/           a JPEG of every tracklet (rows.py, `track`), by its number
    edits.json        what the artist corrected of who is who (edits.py)
    solution/         clean motion of every person (solution.py); always made from the rest
    preview/          the same while the job runs, without any clean-up; gone at its end
    fits/             the worker's own: fits of whole tracks, made again if they are gone
    lock              held by the program that is at work on the take

Every file is written under a temporary name and renamed, and take.json last: a folder with a
take.json is whole up to the chunks that it lists. Points are in camera space: metres, x right,
y down, z forward. A reader refuses a format version newer than its own.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .files import ResultLayout, plain_name, read_versioned, write_whole
from .json_fields import Json, as_float, as_floats, as_int, as_list, as_object, as_str, optional
from .rows import ChunkInfo, damaged

FORMAT = "nlf_blender.take"
VERSION = 2  # 1 had photos only
SUFFIX = ".take"
TAKE_FILE = "take.json"
LAYOUT = ResultLayout(SUFFIX, TAKE_FILE)
BODY_FILE = "body.npz"
CAMERAS_FILE = "cameras.npz"
LOCK_FILE = "lock"
PHOTO, VIDEO, SEQUENCE = "image", "video", "sequence"
WHOLE, UNFINISHED = "whole", "unfinished"


@dataclass(frozen=True)
class SourceInfo:
    """What was localized. kind: PHOTO, VIDEO or SEQUENCE; sizes: pixels, upright.

    path: the file; of a sequence, its first file. sha256: of the content; of long footage, of its
    size and samples of it. display: a file in the take that shows the source as it was localized,
    for programs that ignore EXIF rotation or cannot read its colours; "" where the source does.

    frame_count: frames to localize: first_frame, first_frame + step, ... (indices into the source,
    from 0). fps: the source's mean frame rate. number: of a sequence, in its first file's name.
    """

    kind: str
    path: str
    sha256: str
    width: int
    height: int
    display: str = ""
    frame_count: int = 1
    fps: float | None = None
    first_frame: int = 0
    step: int = 1
    number: int = 0


@dataclass(frozen=True)
class CameraInfo:
    """The camera that was assumed. intrinsics: row-major 3x3 in pixels, where the middle of the
    top-left pixel is (0, 0); distortion: OpenCV coefficients; origin: where the focal length came
    from ("default", "field of view", "focal length", "EXIF", "lens" or "solved"); motion: the file
    in the take that has the camera of every frame, whose first the intrinsics are; "" if it stands
    still, nobody knows where."""

    intrinsics: tuple[float, ...]
    distortion: tuple[float, ...] = ()
    origin: str = "default"
    motion: str = ""

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
class TakeInfo:
    """The contents of take.json. settings: LocalizeSettings.to_json(); software: name, version;
    state: WHOLE, or UNFINISHED while chunks are still to come; tracks: of a photo, in footage the
    solution has them."""

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
    state: str = WHOLE

    @property
    def is_footage(self) -> bool:
        """Whether it is of many frames, with a solution."""
        return self.source.kind != PHOTO

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
                first_frame=as_int(source.get("first_frame", 0), "source.first_frame"),
                step=as_int(source.get("step", 1), "source.step"),
                number=as_int(source.get("number", 0), "source.number"),
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
            state=as_str(data.get("state", WHOLE), "state"),
        )


def _camera_from_json(camera: Json) -> CameraInfo:
    intrinsics = as_floats(camera.get("intrinsics"), "camera.intrinsics")
    if len(intrinsics) != 9 or intrinsics[0] <= 0 or intrinsics[4] <= 0:
        raise ValueError("camera.intrinsics is not a 3x3 matrix with positive focal lengths")
    return CameraInfo(
        intrinsics=intrinsics,
        distortion=as_floats(camera.get("distortion"), "camera.distortion"),
        origin=as_str(camera.get("origin"), "camera.origin"),
        motion=plain_name(camera.get("motion", ""), "camera.motion"),
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
        frames=as_int(data.get("frames", 0), "chunk.frames"),
    )


def write_info(folder: Path, info: TakeInfo) -> None:
    """Write take.json, which makes the chunks that it lists part of the take."""
    text = json.dumps(info.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / TAKE_FILE, text.encode())


def read_info(folder: Path) -> TakeInfo:
    """take.json of a take folder. UserError if it is missing, damaged or from a newer version."""
    path = folder / TAKE_FILE
    try:
        return TakeInfo.from_json(read_versioned(path, FORMAT, VERSION))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            "No take here", f"{folder} has no {TAKE_FILE}.", "Choose a folder that ends in .take."
        ) from error
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
