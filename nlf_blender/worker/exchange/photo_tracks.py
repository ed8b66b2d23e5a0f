# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take of a photo has to export: one frame, in the world as Blender places it.

The camera looks along +y, level, and stands so high that the lowest vertex of all fits touches
the ground.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...body.body_data import BodyData, load_body_npz
from ...body.conventions import blender_points_from_camera
from ...body.forward import PosedBody, skinned, unposed_body
from ...body.rotations import matrix_from_rotvec
from ...errors import UserError
from ...protocol.rows import damaged, read_chunk, read_rows
from ...protocol.take import BODY_FILE, TakeInfo
from ...protocol.take_sets import SET_FIELDS, SETS_FOLDER, TakeSet, damaged_set, read_set_chunk
from .tracks import (
    JOINTS,
    PointNames,
    Track,
    Tracks,
    Wanted,
    choose_set,
    names_of_set,
    nobody,
    source_name,
)

RATE = 30.0  # of a single frame nobody can tell: programs ask for one all the same
FIT_FIELDS = ("track", "pose", "betas", "translation", "scale", "uncertainty")
Rows = dict[str, NDArray[Any]]


def photo_tracks(take: Path, info: TakeInfo, wanted: Wanted) -> Tracks:
    """The points of a photo's people. UserError if what is wanted is not there."""
    kept = [t for t in info.tracks if wanted.person in (None, t.id)]
    if not kept:
        raise nobody(take, wanted.person, {t.id: t.name for t in info.tracks})
    chosen = choose_set(take, wanted)
    body = load_body_npz(take / BODY_FILE)
    rows = read_rows(take, info.chunks, FIT_FIELDS)
    fits = {track.id: _fit(take, body, rows, track.id) for track in info.tracks}
    lowest = min(_world(fit.vertices)[:, 2].min() for _, fit in fits.values())
    if chosen is None:
        names = PointNames(JOINTS, body.skeleton.joint_names)
    else:
        names = names_of_set(take, *chosen)
        localized = _set_rows(take, info, *chosen)
    tracks = []
    for track in kept:
        row, fit = fits[track.id]
        if chosen is None:
            points, doubt = fit.joints, rows["uncertainty"][row, body.vertex_count :]
        else:
            points, doubt = localized["points"][row], localized["uncertainty"][row]
        world = _world(points) - (0.0, 0.0, lowest)
        tracks.append(Track(track.name, *_moment(), world[None], doubt[None]))
    return Tracks(
        names=names,
        source=source_name(take, info),
        rate=RATE,
        people=tuple(tracks),
        notes=() if chosen is None else chosen[1].notes,
    )


def _moment() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.zeros(1, dtype=np.int64), np.zeros(1)


def _world(points: NDArray[Any]) -> NDArray[np.float64]:
    return blender_points_from_camera(points)


def _fit(take: Path, body: BodyData, rows: Rows, track: int) -> tuple[int, PosedBody]:
    """A person's first row, and their body of it in camera space. UserError without any row."""
    own = np.flatnonzero(rows["track"] == track)
    if not len(own):
        raise damaged(take, ValueError(f"person {track} has no rows"))
    row = int(own[0])
    rotations = matrix_from_rotvec(rows["pose"][row])
    shape = unposed_body(body, rows["betas"][own].mean(axis=0, dtype=np.float64))
    scale = float(rows["scale"][own].mean(dtype=np.float64))
    return row, skinned(body, shape, rotations, rows["translation"][row], scale)


def _set_rows(take: Path, info: TakeInfo, slug: str, points: TakeSet) -> Rows:
    """A set's rows, as the take has them. UserError if they are not there, or damaged."""
    folder = take / SETS_FOLDER / slug
    parts = []
    for chunk in info.chunks:
        of = points.chunk_of(chunk.sha256)
        if of is None:
            raise UserError(
                "Not localized yet",
                f"'{points.name}' was not localized in all of {take}.",
                "Let its job come to an end.",
            )
        part = read_set_chunk(folder, points, of)
        if of.rows != len(read_chunk(take, chunk, ("track",), verify=False)["track"]):
            raise damaged_set(folder / of.file, f"it has {of.rows} rows, which its take has not")
        parts.append(part)
    return {name: np.concatenate([part[name] for part in parts]) for name in SET_FIELDS}
