# SPDX-License-Identifier: GPL-3.0-or-later
"""A take's rows, sorted into people and checked against the body that was fitted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..body.body_data import BodyData, load_body_npz
from ..errors import UserError
from ..protocol.rows import read_rows
from ..protocol.take import BODY_FILE, TakeInfo, TrackInfo, read_info
from .markers.person_sets import PersonSet, TakeSets, chosen_rows


@dataclass(frozen=True)
class Person:
    """One track through T frames, in order of time; metres, camera space, radians.

    frames [T]; points [T,V+J,3]; uncertainty [T,V+J]; pose [T,J,3]; translation [T,3];
    fit_error [T]; betas [B] and scale: the means over the frames, a person having one shape; sets:
    what was localized beside the body, in camera space.
    """

    track: TrackInfo
    frames: NDArray[np.int64]
    points: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    pose: NDArray[np.float32]
    translation: NDArray[np.float32]
    fit_error: NDArray[np.float32]
    betas: NDArray[np.float64]
    scale: float
    sets: tuple[PersonSet, ...] = ()


@dataclass(frozen=True)
class PersonObjects:
    """What one person became. track: TrackInfo.id in the take, of footage PersonInfo.id; points:
    None where the take has none."""

    track: int
    collection: bpy.types.Collection
    rig: bpy.types.Object
    body: bpy.types.Object
    points: bpy.types.Object | None


@dataclass(frozen=True)
class Take:
    """A take as it lies in its folder, read whole."""

    folder: Path
    info: TakeInfo
    body: BodyData
    people: tuple[Person, ...]
    sets: TakeSets


def read_take(folder: Path) -> Take:
    """Read a take folder. UserError if it is missing, damaged or has no people."""
    info = read_info(folder)
    body = load_body_npz(folder / BODY_FILE)
    rows, sets = read_rows(folder, info.chunks), TakeSets(folder)
    found = sets.of_photo(info.chunks)
    try:
        _check_rows(rows, body)
        people = tuple(_person(track, rows, found) for track in info.tracks)
        if not people:
            raise ValueError("it lists no people")
    except ValueError as error:
        raise UserError(
            "Damaged take", f"{folder}: {error}.", "Localize the source again."
        ) from error
    return Take(folder, info, body, people, sets)


def _check_rows(rows: dict[str, NDArray[Any]], body: BodyData) -> None:
    wanted = {
        "points": (body.vertex_count + body.joint_count, 3),
        "uncertainty": (body.vertex_count + body.joint_count,),
        "pose": (body.joint_count, 3),
    }
    for name, shape in wanted.items():
        if rows[name].shape[1:] != shape:
            raise ValueError(f"{name} has {rows[name].shape[1:]} values a row, not {shape}")
    if rows["betas"].shape[1] > body.beta_count:
        raise ValueError(f"it has {rows['betas'].shape[1]} betas, its body {body.beta_count}")
    for name in (*wanted, "betas", "translation", "scale", "fit_error"):
        if not np.isfinite(rows[name]).all():
            raise ValueError(f"{name} has values that are not finite")
    if not (rows["scale"] > 0).all():
        raise ValueError("a scale is not above 0")


def _person(track: TrackInfo, rows: dict[str, NDArray[Any]], sets: tuple[PersonSet, ...]) -> Person:
    own = np.flatnonzero(rows["track"] == track.id)
    if not len(own):
        raise ValueError(f"{track.name} has no rows")
    own = own[np.argsort(rows["frame"][own], kind="stable")]
    return Person(
        track=track,
        frames=rows["frame"][own],
        points=rows["points"][own],
        uncertainty=rows["uncertainty"][own],
        pose=rows["pose"][own],
        translation=rows["translation"][own],
        fit_error=rows["fit_error"][own],
        betas=rows["betas"][own].mean(axis=0, dtype=np.float64),
        scale=float(rows["scale"][own].mean(dtype=np.float64)),
        sets=chosen_rows(sets, own),
    )
