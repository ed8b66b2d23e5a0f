# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration of a body to a scan: what is asked for, and its result, a folder
`NAME.registration`.

    registration.json   what was registered, with which settings, how well (`RegistrationInfo`)
    body.npz            the body, reduced to what a scene needs (body/body_data.py)
    registration.npz    the fit and its distances to the scan (`ARRAY_FIELDS`)

Files are written as those of a take, registration.json last. The fit puts the body over the scan
as it was given: in the scan's units and axes, so scale is the scan's units in a metre.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .files import ResultLayout, file_sha256, read_versioned, write_whole
from .json_fields import Json, as_float, as_int, as_list, as_object, as_str
from .take import ModelInfo, model_from_json

FORMAT = "nlf_blender.registration"
VERSION = 1
INFO_FILE = "registration.json"
ARRAYS_FILE = "registration.npz"
LAYOUT = ResultLayout(".registration", INFO_FILE)

# name -> (dtype, axes); J joints, B betas, V vertices of the body
ARRAY_FIELDS: dict[str, tuple[str, str]] = {
    "pose": ("float64", "J3"),  # rotation vectors relative to the parent, radians
    "betas": ("float64", "B"),
    "translation": ("float64", "3"),  # the scan's units and axes
    "undetermined": ("bool", "J"),  # joints that the scan says nothing of
    "vertex_distances": ("float32", "V"),  # from the body's vertices to the scan, metres
}
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ScanInfo:
    """What was registered to: its name, the file that it is from, its arrays' hash and size."""

    name: str
    origin: str
    sha256: str
    vertices: int
    faces: int


@dataclass(frozen=True)
class Figures:
    """How well it went. Distances: from points spread over the scan to the body, metres; scale: the
    scan's units in a metre; starts: orientations tried; seconds: of the registration alone."""

    mean_distance: float
    median_distance: float
    p95_distance: float
    scale: float
    starts: int
    seconds: float


@dataclass(frozen=True)
class RegistrationInfo:
    """The contents of registration.json. settings: ScanSettings.to_json(); arrays_sha256: of
    registration.npz; undetermined: names of joints that the scan says nothing of."""

    source: ScanInfo
    body: ModelInfo
    settings: Json
    figures: Figures
    undetermined: tuple[str, ...]
    notes: tuple[str, ...]
    software: str
    created: str
    arrays_sha256: str

    def to_json(self) -> Json:
        """The object that registration.json holds, with format, version and units."""
        units = {"length": "metre; translation: the scan's units", "angle": "radian"}
        return {
            "format": FORMAT,
            "version": VERSION,
            "units": units,
            "axes": "SMPL: y up; of the scan as it was given",
            **asdict(self),
        }

    @classmethod
    def from_json(cls, data: Json) -> RegistrationInfo:
        """What `to_json` wrote; ValueError naming the field that is missing or wrong."""
        source = as_object(data.get("source"), "source")
        figures = as_object(data.get("figures"), "figures")
        return cls(
            source=ScanInfo(
                name=as_str(source.get("name"), "source.name"),
                origin=as_str(source.get("origin"), "source.origin"),
                sha256=as_str(source.get("sha256"), "source.sha256"),
                vertices=as_int(source.get("vertices"), "source.vertices"),
                faces=as_int(source.get("faces"), "source.faces"),
            ),
            body=model_from_json(data.get("body"), "body"),
            settings=as_object(data.get("settings"), "settings"),
            figures=Figures(
                **{
                    name: as_float(figures.get(name), f"figures.{name}")
                    for name in ("mean_distance", "median_distance", "p95_distance", "scale")
                },
                starts=as_int(figures.get("starts"), "figures.starts"),
                seconds=as_float(figures.get("seconds"), "figures.seconds"),
            ),
            undetermined=_texts(data, "undetermined"),
            notes=_texts(data, "notes"),
            software=as_str(data.get("software"), "software"),
            created=as_str(data.get("created"), "created"),
            arrays_sha256=as_str(data.get("arrays_sha256"), "arrays_sha256"),
        )


def _texts(data: Json, what: str) -> tuple[str, ...]:
    return tuple(as_str(item, what) for item in as_list(data.get(what), what))


def write_arrays(folder: Path, arrays: Arrays) -> str:
    """Write registration.npz; the hash for registration.json. OSError from the disk."""
    typed = {name: np.asarray(arrays[name], dtype=ARRAY_FIELDS[name][0]) for name in ARRAY_FIELDS}
    buffer = io.BytesIO()
    np.savez(buffer, **typed)  # pyright: ignore[reportArgumentType]
    data = buffer.getvalue()
    write_whole(folder / ARRAYS_FILE, data)
    return hashlib.sha256(data).hexdigest()


def write_info(folder: Path, info: RegistrationInfo) -> None:
    """Write registration.json, which makes the folder whole."""
    text = json.dumps(info.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / INFO_FILE, text.encode())


def read_info(folder: Path) -> RegistrationInfo:
    """registration.json of a folder. UserError if it is missing, damaged or newer."""
    path = folder / INFO_FILE
    try:
        return RegistrationInfo.from_json(read_versioned(path, FORMAT, VERSION))
    except FileNotFoundError as error:
        raise UserError(
            "No registration here",
            f"{folder} has no {INFO_FILE}.",
            "Choose a folder that ends in .registration.",
        ) from error
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error


def read_arrays(folder: Path, info: RegistrationInfo) -> dict[str, NDArray[Any]]:
    """The arrays of `ARRAY_FIELDS`. UserError if they are not what was written."""
    path = folder / ARRAYS_FILE
    try:
        if file_sha256(path) != info.arrays_sha256:
            raise ValueError("its content is not what was written")
        with np.load(path, allow_pickle=False) as data:
            arrays: dict[str, NDArray[Any]] = {name: data[name] for name in ARRAY_FIELDS}
        for name, (dtype, axes) in ARRAY_FIELDS.items():
            array = arrays[name]
            if array.dtype != dtype or array.ndim != len(axes):
                raise ValueError(f"{name} has shape {array.shape} of {array.dtype}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} has values that are not finite")
        return arrays
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> UserError:
    """What the user is told of a result that cannot be used."""
    return UserError("Damaged registration", f"{path}: {error}.", "Register to the scan again.")
