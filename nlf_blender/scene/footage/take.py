# SPDX-License-Identifier: GPL-3.0-or-later
"""A take of footage and its solution, read and checked against the body that was fitted."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from ...body.body_data import BodyData, load_body_npz
from ...errors import UserError
from ...protocol.cameras import CameraMotion, read_cameras
from ...protocol.clip_rate import clip_rate
from ...protocol.motion_files import read_motion, read_points
from ...protocol.rows import damaged
from ...protocol.solution import (
    SOLUTION_FOLDER,
    PersonInfo,
    SolutionInfo,
    damaged_solution,
    read_solution,
)
from ...protocol.take import BODY_FILE, TakeInfo, read_info
from ..markers.person_sets import PersonSet, TakeSets
from ..person.hand_pose import with_hands
from ..person.rig_options import Hands


@dataclass(frozen=True, eq=False)
class FootagePerson:
    """One person of a solution: their motion, see protocol/motion_files.py, and the
    file of their points, or None. pose: the motion's, with the fingers that the rig gets; sets:
    what was localized beside the body."""

    info: PersonInfo
    motion: dict[str, NDArray[Any]]
    pose: Float64Array
    points: Path | None
    sets: tuple[PersonSet, ...] = ()

    @property
    def betas(self) -> Float64Array:
        """The person's shape [B]."""
        return self.motion["betas"]

    @property
    def scale(self) -> float:
        """A factor on the whole body."""
        return float(self.motion["scale"])

    @property
    def times(self) -> Float64Array:
        """Seconds from the start of the source [T]."""
        return self.motion["time"]

    def read_points(self) -> NDArray[np.float32] | None:
        """The nonparametric mesh [T,V,3] in the world, mapped from the disk; None without one."""
        return None if self.points is None else read_points(self.points)


@dataclass(frozen=True, eq=False)
class FootageTake:
    """A take of footage, its solution and the kept people; cameras: where the camera was, None if
    it stands still. frames, times [F]: of all localized frames, in order; sets: what was localized
    beside the body."""

    folder: Path
    info: TakeInfo
    body: BodyData
    solution: SolutionInfo
    people: tuple[FootagePerson, ...]
    cameras: CameraMotion | None
    frames: NDArray[np.int64]
    times: Float64Array
    sets: TakeSets

    @cached_property
    def rate(self) -> float:
        """Frames a second that the clip is meant to have."""
        step = int(np.median(np.diff(self.frames))) if len(self.frames) > 1 else 1
        return clip_rate(self.info.source.fps, self.times, step)

    def times_of(self, frames: NDArray[np.int64]) -> Float64Array:
        """Seconds from the start of the source of frames [n]: as localized, between them and beyond
        by the clip's rate."""
        first, last = self.frames[0], self.frames[-1]
        inside = np.interp(frames, self.frames, self.times)
        beyond = np.minimum(frames - first, 0) + np.maximum(frames - last, 0)
        return inside + beyond / self.rate


def read_footage(folder: Path, body: BodyData | None = None) -> FootageTake:
    """Read a take of footage with its solution. body: its own, if that was read before. UserError
    if anything is missing or damaged, or there is nobody in it."""
    info = read_info(folder)
    body = body or load_body_npz(folder / BODY_FILE)
    solution = read_solution(folder)
    sets = TakeSets(folder)
    people = tuple(
        _read_person(folder / SOLUTION_FOLDER, person, body, sets) for person in solution.kept
    )
    if not people:
        raise UserError(
            "Nobody in this take",
            f"{folder} has nobody to bring into the scene.",
            "Choose people to keep in the list of people, or localize another clip.",
        )
    motion = info.camera.motion
    cameras = read_cameras(folder / motion) if motion else None
    if cameras is None and not solution.world_from_camera:
        raise damaged_solution(
            folder / SOLUTION_FOLDER, ValueError("it does not tell where the camera is")
        )
    frames, times = read_times(folder, info, people)
    return FootageTake(folder, info, body, solution, people, cameras, frames, times, sets)


def with_rig_hands(take: FootageTake, hands: Hands) -> FootageTake:
    """The take with the fingers that rigs shall have."""
    people = tuple(
        replace(person, pose=with_hands(take.body, person.pose, hands)) for person in take.people
    )
    return replace(take, people=people)


def _read_person(folder: Path, info: PersonInfo, body: BodyData, sets: TakeSets) -> FootagePerson:
    path = folder / info.file
    motion = read_motion(path)
    points = folder / info.points if info.points else None
    count, joints, _ = motion["pose"].shape
    try:
        if joints != body.joint_count:
            raise ValueError(f"it has {joints} joints, its body {body.joint_count}")
        if len(motion["betas"]) > body.beta_count:
            raise ValueError(f"it has {len(motion['betas'])} betas, its body {body.beta_count}")
        if not (np.diff(motion["time"]) > 0).all():
            raise ValueError("its times do not increase")
        if not motion["scale"] > 0:
            raise ValueError("its scale is not above 0")
        if points is not None and read_points(points).shape[:2] != (count, body.vertex_count):
            raise ValueError(f"{points.name} is not of its frames and its body")
    except ValueError as error:
        raise damaged_solution(path, error) from error
    own = sets.of_footage(folder, info, count)
    return FootagePerson(info, motion, motion["pose"], points, own)


def read_times(
    folder: Path, info: TakeInfo, people: tuple[FootagePerson, ...] = ()
) -> tuple[NDArray[np.int64], Float64Array]:
    """All localized frames, and those of people, and when they are shown, seconds; only these
    arrays are read of the chunks, which are large. UserError if one is damaged."""
    frames, times = [], []
    for chunk in info.chunks:
        if not chunk.frames:
            continue
        path = folder / chunk.file
        try:
            with np.load(path, allow_pickle=False) as file:
                frames.append(file["frames"].astype(np.int64))
                times.append(file["times"].astype(np.float64))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise damaged(path, error) from error
    frames += [person.motion["frame"] for person in people]
    times += [person.times for person in people]
    unique, places = np.unique(np.concatenate(frames), return_index=True)
    return unique, np.concatenate(times)[places]
