# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of one item of an evaluation set's JSON, with everything that is true of them.

Truth of one person may stand alone; that of several is a list with an entry for each, null where
there is none, in one order throughout the item.
"""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast

import cv2
import numpy as np

from ...body.arrays import Float64Array
from ...protocol.json_fields import Json, as_bool, as_list, as_object, as_str
from ..nlf.camera import Camera
from .box_owners import with_owners
from .image_truth import known
from .items import BadItem, Mask, TrueJoints, TrueMesh, TruePerson
from .joint_names import joint_labels
from .set_values import file_of, numbers, require_finite

Value = TypeVar("Value")
MM = 1e-3
SEVERAL, TINY_MM = 4, 20.0


@dataclass(frozen=True)
class Format:
    """folder: that files are relative to; corners: whether boxes end in the right and lower side,
    not in width and height."""

    folder: Path
    corners: bool


def people_of(
    entry: Json, form: Format, camera: Camera | None
) -> tuple[tuple[TruePerson, ...], tuple[str, ...]]:
    """The people of an item, and what was left out of their truth. ValueError if something is
    wrong, or if nothing is known of anybody."""
    notes: list[str] = []
    if entry.get("boxes") == []:  # a picture of nobody, for counting who is found all the same
        if any(entry.get(key) for key in ("joints3d", "joints2d", "vertices", "masks")):
            raise ValueError("there are no boxes, but people")
        return (), ()
    boxes = _boxes(entry.get("boxes"), form.corners)
    columns: dict[str, list[object]] = {
        "box": list(boxes),
        "joints": list(_skeletons(entry.get("joints3d"), "joints3d", "camera_mm", 3, notes)),
        "pixels": list(_skeletons(entry.get("joints2d"), "joints2d", "px", 2, notes)),
        "mesh": list(_meshes(entry.get("vertices"), form.folder)),
        "mask": list(_masks(entry.get("masks"), form.folder)),
    }
    counts = {name: len(column) for name, column in columns.items() if column}
    if not counts:
        raise ValueError("nothing is known of anybody: no boxes, joints3d, joints2d or vertices")
    people = _people(columns, camera)
    if people is None:
        told = ", ".join(f"{count} by {name}" for name, count in counts.items())
        raise ValueError(f"the number of people is not clear: {told}")
    if not any(known(person) for person in people):
        told = "; ".join(notes) or "all is null"
        raise ValueError(f"nothing is known of anybody: {told}")
    people = [
        _checked(person, camera, f"person {row + 1}", notes) for row, person in enumerate(people)
    ]
    return tuple(people), tuple(notes)


def _people(columns: dict[str, list[object]], camera: Camera | None) -> list[TruePerson] | None:
    """People of the rows of columns, by what a column is of. None if those differ in length, and
    if it is not clear either whose the boxes are."""
    used = {name: column for name, column in columns.items() if column}
    if len({len(column) for column in used.values()}) > 1:
        boxes = cast("list[Float64Array | None]", used.pop("box", []))
        people = _people(used, camera) if boxes and used else None
        return None if people is None else with_owners(people, boxes, camera)
    rows = zip(*used.values(), strict=True)
    return [
        TruePerson(**dict(zip(used, row, strict=True)))  # pyright: ignore[reportArgumentType]
        for row in rows
    ]


def _checked(person: TruePerson, camera: Camera | None, who: str, notes: list[str]) -> TruePerson:
    """The person; notes what is odd. ValueError for a body that is far too small."""
    joints = person.joints
    if joints is not None:
        _check_size(joints.places[joints.known], f"joints3d of {who}")
    if person.mesh is not None:
        _check_size(person.mesh.vertices, f"vertices of {who}")
    if joints is not None and joints.absolute and camera is not None:
        depth = joints.places[joints.known, 2]
        if (depth <= 0).any():
            notes.append(f"{who}: joints behind the camera; measured about the root only")
            moved = TrueJoints(joints.labels, joints.places, absolute=False)
            return replace(person, joints=moved)
    return person


def _check_size(places: Float64Array, what: str) -> None:
    """ValueError for points next to each other, as metres taken for millimetres are."""
    extent = np.ptp(places, axis=0).max() / MM
    if len(places) >= SEVERAL and extent < TINY_MM:
        raise ValueError(f"{what} lie within {extent:.2g} mm; camera_mm is in millimetres")


def _boxes(value: object, corners: bool) -> list[Float64Array | None]:
    """Boxes as left, top, right, bottom. ValueError if one is empty."""
    if value is None:
        return []
    found = numbers(value, [(None, 4), (None, 5), (4,), (5,)], "boxes")
    rows = np.atleast_2d(found)[:, :4]
    unknown = np.isnan(rows).all(axis=1)
    require_finite(np.where(unknown[:, None], 0, rows), "boxes")
    if not corners:
        rows = np.column_stack([rows[:, :2], rows[:, :2] + rows[:, 2:]])
    empty = np.flatnonzero(~unknown & ~(rows[:, 2:] > rows[:, :2]).all(axis=1))
    if len(empty):
        raise ValueError(f"boxes[{empty[0]}] is empty")
    return [None if missing else row for row, missing in zip(rows, unknown, strict=True)]


def _skeletons(
    value: object, what: str, key: str, axes: int, notes: list[str]
) -> list[TrueJoints | None]:
    """The joints of each person: one object of all of them, or a list with one for each."""
    if value is None:
        return []
    if isinstance(value, list):
        parts = [_skeletons(item, f"{what}[{i}]", key, axes, notes) or [None]
                 for i, item in enumerate(as_list(value, what))]  # fmt: skip
        if any(len(part) != 1 for part in parts):
            raise ValueError(f"{what} holds several people in one entry of a list")
        return [part[0] for part in parts]
    entry = as_object(value, what)
    names = [as_str(name, f"{what}.names") for name in as_list(entry.get("names"), f"{what}.names")]
    set_name = as_str(entry.get("set", ""), f"{what}.set")
    try:
        labels = joint_labels(names, set_name)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error
    size = len(names)
    tails = [(*people, size, n) for n in (axes, axes + 1) for people in ((), (None,))]
    places = numbers(entry.get(key), tails, f"{what}.{key}", notes)
    places = places.reshape(-1, size, places.shape[-1])
    unseen = (places[..., axes:] <= 0).any(axis=-1, keepdims=True)  # a visibility or a score of 0
    unknown = unseen | np.isnan(places[..., :axes]).any(axis=-1, keepdims=True)
    people = np.where(unknown, np.nan, places[..., :axes]) * (MM if axes == 3 else 1.0)
    absolute = as_bool(entry.get("absolute", True), f"{what}.absolute")
    return [None if np.isnan(person).all() else TrueJoints(labels, person, absolute)
            for person in people]  # fmt: skip


def _each(value: object, what: str, read: Callable[[object, str], Value]) -> list[Value | None]:
    """What `read` makes of the entry of each person; one entry alone is that of one person."""
    if value is None:
        return []
    if not isinstance(value, list):
        return [read(value, what)]
    return [None if item is None else read(item, f"{what}[{index}]")
            for index, item in enumerate(as_list(value, what))]  # fmt: skip


def _meshes(value: object, folder: Path) -> list[TrueMesh | None]:
    """vertices: a file, an object with file or camera_mm, kind and betas, or a list of those; or
    numbers [V,3] or [P,V,3]."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        return _of_array(numbers(value, [(None, 3), (None, None, 3)], "vertices"), "", None)
    if isinstance(value, str):
        return _of_array(_array(file_of(folder, value), "vertices"), "", None)
    if isinstance(value, dict):
        return _mesh(value, "vertices", folder)
    meshes: list[TrueMesh | None] = []
    for index, item in enumerate(as_list(value, "vertices") if value is not None else []):
        found = [None] if item is None else _mesh(item, f"vertices[{index}]", folder)
        if len(found) != 1:
            raise ValueError(f"vertices[{index}] holds several people")
        meshes += found
    return meshes


def _mesh(value: object, what: str, folder: Path) -> list[TrueMesh | None]:
    entry: Json = {"file": value} if isinstance(value, str) else as_object(value, what)
    kind = as_str(entry.get("kind", ""), f"{what}.kind")
    betas = None
    if entry.get("betas") is not None:
        betas = require_finite(numbers(entry["betas"], [(None,)], what), f"{what}.betas")
    if entry.get("file") is not None:
        array = _array(file_of(folder, as_str(entry["file"], f"{what}.file")), what)
    else:
        told = f"{what}.camera_mm"
        array = numbers(entry.get("camera_mm"), [(None, 3), (None, None, 3)], told)
    return _of_array(array, kind, betas)


def _of_array(array: Float64Array, kind: str, betas: Float64Array | None) -> list[TrueMesh | None]:
    people = require_finite(array, "vertices").reshape(-1, *array.shape[-2:]) * MM
    if betas is not None and len(people) > 1:
        raise ValueError("vertices with betas are those of one person")
    return [TrueMesh(kind, vertices, betas) for vertices in people]


def _array(path: Path, what: str) -> Float64Array:
    """Vertices of an npy file, or of an npz file that holds nothing else, millimetres. ValueError
    if it holds something else."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            with loaded:
                array = loaded[loaded.files[0]] if len(loaded.files) == 1 else None
        else:
            array = loaded
    except FileNotFoundError as error:
        raise ValueError(f"{what}: {path} is gone") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{what}: {path} is no npy file: {error}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ValueError(f"{what}: {path} holds no array of numbers")
    if array.ndim not in (2, 3) or array.shape[-1] != 3 or not array.size:
        raise ValueError(f"{what}: {path} has shape {list(array.shape)}, not [V,3] or [P,V,3]")
    return array.astype(np.float64)


def _masks(value: object, folder: Path) -> list[Callable[[], Mask] | None]:
    def reader(item: object, what: str) -> Callable[[], Mask]:
        path = file_of(folder, as_str(item, what))
        if not path.is_file():
            raise ValueError(f"{what}: {path} is gone")
        return functools.partial(_mask, path)

    return _each(value, "masks", reader)


def _mask(path: Path) -> Mask:
    """Where a mask's picture is not black. BadItem if it is none."""
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise BadItem(f"the mask {path} is no picture.")
    return np.asarray(image) > 0
