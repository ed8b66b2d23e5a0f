# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take of footage has to export: the clean points of its solution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...body.body_data import BodyData, load_body_npz
from ...body.kinematics import global_transforms, rest_joints
from ...body.rotations import matrix_from_rotvec
from ...errors import UserError
from ...protocol.clip_rate import clip_rate
from ...protocol.motion_files import read_doubt, read_motion, read_points
from ...protocol.solution import SOLUTION_FOLDER, PersonInfo, damaged_solution, read_solution
from ...protocol.take import BODY_FILE, TakeInfo
from ...protocol.take_sets import TakeSet
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

Motion = dict[str, NDArray[Any]]


def footage_tracks(take: Path, info: TakeInfo, wanted: Wanted) -> Tracks:
    """The solved points of a take's people. UserError if it is not solved, or what is wanted is
    not there."""
    solution = read_solution(take)
    kept = [p for p in solution.kept if wanted.person in (None, p.id)]
    if not kept:
        raise nobody(take, wanted.person, {p.id: p.name for p in solution.kept})
    chosen = choose_set(take, wanted)
    motions = [read_motion(take / SOLUTION_FOLDER / person.file) for person in kept]
    if chosen is None:
        body = load_body_npz(take / BODY_FILE)
        names = PointNames(JOINTS, body.skeleton.joint_names)
        tracks = [_joints(p, m, body) for p, m in zip(kept, motions, strict=True)]
    else:
        names = names_of_set(take, *chosen)
        tracks = [_points(take, p, m, *chosen) for p, m in zip(kept, motions, strict=True)]
    return Tracks(
        names=names,
        source=source_name(take, info),
        rate=localized_rate(info, motions),
        people=tuple(tracks),
        cuts=solution.cuts,
        notes=() if chosen is None else chosen[1].notes,
    )


def localized_rate(info: TakeInfo, motions: list[Motion]) -> float:
    """Localized frames a second: the clip's rate, or a fraction where frames were left out."""
    frames = np.concatenate([motion["frame"] for motion in motions])
    times = np.concatenate([motion["time"] for motion in motions])
    _, places = np.unique(frames, return_index=True)
    step = max(1, info.source.step)
    return clip_rate(info.source.fps, times[places], step) / step


def _joints(person: PersonInfo, motion: Motion, body: BodyData) -> Track:
    """A person's joints, as solved; the localizer's uncertainty over the body stands for each."""
    rest = float(motion["scale"]) * rest_joints(
        body.joints_template, body.joints_shapedirs, motion["betas"]
    )
    moves = global_transforms(
        matrix_from_rotvec(motion["pose"]),
        rest,
        body.skeleton.parents,
        motion["root"] - rest[body.skeleton.root],
    )
    seen = np.where(motion["evidence"], motion["uncertainty"], np.nan)
    doubt = np.repeat(seen[:, None], body.joint_count, axis=1)
    return Track(person.name, motion["frame"], motion["time"], moves[..., :3, 3], doubt)


def _points(take: Path, person: PersonInfo, motion: Motion, slug: str, info: TakeSet) -> Track:
    """A person's points of a set. UserError if they are not solved, or damaged."""
    files = next((files for files in person.sets if files.slug == slug), None)
    if files is None:
        raise UserError(
            "Not solved yet",
            f"'{info.name}' was localized in {take}, but not solved for {person.name}.",
            "Let its job come to an end, or click Solve.",
        )
    folder = take / SOLUTION_FOLDER
    points, doubt = read_points(folder / files.points), read_doubt(folder / files.doubt)
    shape = (len(motion["time"]), info.count)
    if points.shape != (*shape, 3) or doubt.shape != shape:
        error = ValueError(f"it has shape {points.shape}, not {(*shape, 3)}")
        raise damaged_solution(folder / files.points, error)
    return Track(person.name, motion["frame"], motion["time"], points, doubt)
