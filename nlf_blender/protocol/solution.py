# SPDX-License-Identifier: GPL-3.0-or-later
"""The solution of a take of footage: every person's clean motion, in the world.

    solution/solution.json           who there is, where the ground is, how good it is
    solution/person_003.GEN.npz      the motion of person 3 (see `MOTION_FIELDS`)
    solution/points_003.GEN.npy      their nonparametric mesh: float32 [T,V,3], metres, world
    solution/thumbnail_003.GEN.jpg   what they look like
    solution/set_SLUG_003.GEN.npy    their points of a point set: float32 [T,K,3], metres, world
    solution/doubt_SLUG_003.GEN.npy  float32 [T,K]: uncertainty of these, metres; NaN where nothing
                                     was seen, and the points only follow the body
    solution/rig_SLUG_003.GEN.npz    of a rig: its motion (see `RIG_FIELDS`)

The world is Blender's: z up, metres; the ground at z = 0 unless a solved camera says otherwise.
GEN is the generation: a new solution is written beside the old one, solution.json then leads to it,
and the old files go. `preview/` has the same layout, while the job runs.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .edits import Edit, edits_from_json, edits_to_json
from .files import plain_name, read_versioned, write_whole
from .json_fields import Json, as_bool, as_floats, as_int, as_list, as_object, as_str

FORMAT = "nlf_blender.solution"
VERSION = 1
SOLUTION_FOLDER = "solution"
PREVIEW_FOLDER = "preview"
SOLUTION_FILE = "solution.json"

# name -> (dtype, axes). T: consecutive localized frames, filled gaps included
MOTION_FIELDS: dict[str, tuple[str, str]] = {
    "frame": ("int64", "T"),  # index into the source
    "time": ("float64", "T"),  # seconds from the start of the source
    "root": ("float64", "T3"),  # where the root joint is, metres, world
    # rotation vectors, radians: of the root from SMPL's axes to the world, of others from parent
    "pose": ("float64", "TJ3"),
    "betas": ("float64", "B"),
    "scale": ("float64", ""),
    "evidence": ("bool", "T"),  # whether the person was seen; else the frame was filled in
    "uncertainty": ("float32", "T"),  # the localizer's, over the body, metres
    "turn_sigma": ("float32", "TJ"),  # standard deviation of each joint's turn, radians
    "contacts": ("bool", "T4"),  # left heel, left toes, right heel, right toes on the ground
    "reprojection": ("float32", "T"),  # of the joints, pixels; NaN without evidence
    "vertex_uncertainty": ("float32", "V"),  # of the localized points, mean over time, metres
}
# Of a user's own rig: J are its joints. It rests as it stands in the canonical body, whose axes are
# the canonical ones (x left, y up, z front).
RIG_FIELDS: dict[str, tuple[str, str]] = {
    "frame": ("int64", "T"),
    "time": ("float64", "T"),
    "root": ("float64", "T3"),  # where the first joint is, metres, world
    # rotation vectors, radians: of a root from the canonical axes to the world, others from parent
    "pose": ("float64", "TJ3"),
    "scale": ("float64", ""),  # of the whole rig, so that it is as large as the person
    "error": ("float32", "T"),  # mean distance of the rig's points from the localized ones, metres
    "turn_sigma": ("float32", "TJ"),  # standard deviation of each joint's turn, radians
}
Motion = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class SetFiles:
    """The files of one person and one point set. slug: the set's folder in the take's sets/;
    points, doubt, rig: names in the solution's folder ("" for no rig)."""

    slug: str
    points: str
    doubt: str
    rig: str = ""


@dataclass(frozen=True)
class PersonInfo:
    """One person of a solution. file, points, thumbnail: names in its folder ("" if there is none);
    frames: first and last, indices into the source; sightings: frames in which they were seen.
    kept: whether the scene shall have them; those who are not have no points and no report.
    sets: of each point set that was localized in all of the take."""

    id: int
    name: str
    kept: bool
    file: str
    points: str
    thumbnail: str
    frames: tuple[int, int]
    sightings: int
    sets: tuple[SetFiles, ...] = ()


@dataclass(frozen=True)
class SolutionInfo:
    """The contents of solution.json. settings: SolveSettings.to_json(); edits: as applied;
    world_from_camera: row-major 4x4, from camera space to the world, of a camera that stands still,
    empty where the take's cameras.npz tells; ground: how the ground was found, in words;
    cuts: frames in which another shot begins; report: quality before and after, see
    worker/motion/report.py; missing: frames that could not be read; chunks: how many of the take's
    it was made from, 0 if unknown."""

    settings: Json
    edits: tuple[Edit, ...]
    world_from_camera: tuple[float, ...]
    ground: str
    people: tuple[PersonInfo, ...]
    cuts: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    report: Json | None = None
    chunks: int = 0

    @property
    def kept(self) -> tuple[PersonInfo, ...]:
        """The people whom the scene shall have."""
        return tuple(person for person in self.people if person.kept)

    def camera_matrix(self) -> NDArray[np.float64] | None:
        """world_from_camera [4,4], or None where the camera moves."""
        if not self.world_from_camera:
            return None
        return np.array(self.world_from_camera, dtype=np.float64).reshape(4, 4)

    def to_json(self) -> Json:
        """The object that solution.json holds, with format, version, units and axes."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "units": {"length": "metre", "angle": "radian", "image": "pixel", "time": "second"},
            "axes": "Blender's world: z up",
            **asdict(self),
            "edits": edits_to_json(self.edits),
        }

    @classmethod
    def from_json(cls, data: Json) -> SolutionInfo:
        """What `to_json` wrote; ValueError naming the field that is missing or wrong."""
        matrix = as_floats(data.get("world_from_camera"), "world_from_camera")
        if len(matrix) not in (0, 16):
            raise ValueError("world_from_camera is no 4x4 matrix")
        report = data.get("report")
        return cls(
            settings=as_object(data.get("settings"), "settings"),
            edits=edits_from_json(data.get("edits")),
            world_from_camera=matrix,
            ground=as_str(data.get("ground"), "ground"),
            people=tuple(_person(item) for item in as_list(data.get("people"), "people")),
            cuts=_frames(data.get("cuts"), "cuts"),
            missing=_frames(data.get("missing"), "missing"),
            report=None if report is None else as_object(report, "report"),
            chunks=as_int(data.get("chunks", 0), "chunks"),
        )


def _frames(value: object, what: str) -> tuple[int, ...]:
    return tuple(as_int(item, what) for item in as_list(value, what))


def _person(value: object) -> PersonInfo:
    data = as_object(value, "a person")
    frames = _frames(data.get("frames"), "person.frames")
    if len(frames) != 2:
        raise ValueError("person.frames are not two")
    return PersonInfo(
        id=as_int(data.get("id"), "person.id"),
        name=as_str(data.get("name"), "person.name"),
        kept=as_bool(data.get("kept"), "person.kept"),
        file=plain_name(data.get("file"), "person.file"),
        points=plain_name(data.get("points"), "person.points"),
        thumbnail=plain_name(data.get("thumbnail"), "person.thumbnail"),
        frames=(frames[0], frames[1]),
        sightings=as_int(data.get("sightings"), "person.sightings"),
        sets=tuple(_set_files(item) for item in as_list(data.get("sets", []), "person.sets")),
    )


def _set_files(value: object) -> SetFiles:
    data = as_object(value, "a set's files")
    names = {k: plain_name(data.get(k), f"set.{k}") for k in ("slug", "points", "doubt", "rig")}
    return SetFiles(**names)


def write_motion(path: Path, motion: Motion) -> None:
    """Write a person's motion (`MOTION_FIELDS`). OSError from the disk."""
    arrays = {n: np.asarray(motion[n], dtype=MOTION_FIELDS[n][0]) for n in MOTION_FIELDS}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_whole(path, buffer.getvalue())


def write_solution(folder: Path, info: SolutionInfo) -> None:
    """Write solution.json into a solution folder, which makes it lead to its files, and remove
    those that no person leads to any more. OSError from the disk."""
    text = json.dumps(info.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / SOLUTION_FILE, text.encode())
    wanted = {SOLUTION_FILE}
    for person in info.people:
        wanted |= {person.file, person.points, person.thumbnail}
        for files in person.sets:
            wanted |= {files.points, files.doubt, files.rig}
    for path in folder.iterdir():
        if path.name not in wanted and path.is_file():
            path.unlink(missing_ok=True)


def read_solution(take: Path, folder: str = SOLUTION_FOLDER) -> SolutionInfo:
    """solution.json of a take. UserError if it is missing, damaged or newer."""
    path = take / folder / SOLUTION_FILE
    try:
        return SolutionInfo.from_json(read_versioned(path, FORMAT, VERSION))
    except FileNotFoundError as error:
        raise UserError(
            "Not solved yet",
            f"{take} has no {folder}/{SOLUTION_FILE}.",
            "Set Takes in the Source panel to the folder that holds it, and click Resume or Import"
            " under Unfinished Takes; or run 'worker resume' on it.",
        ) from error
    except (OSError, ValueError) as error:
        raise damaged_solution(path, error) from error


def read_motion(path: Path) -> dict[str, NDArray[Any]]:
    """A person's motion (`MOTION_FIELDS`). UserError if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            motion: dict[str, NDArray[Any]] = {name: file[name] for name in MOTION_FIELDS}
        _check_motion(motion)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise damaged_solution(path, error) from error
    return motion


def _check_motion(motion: Motion) -> None:
    sizes: dict[str, int] = {"3": 3, "4": 4}
    for name, (dtype, axes) in MOTION_FIELDS.items():
        array = motion[name]
        expected = tuple(sizes.setdefault(a, n) for a, n in zip(axes, array.shape, strict=True))
        if array.dtype != dtype or array.shape != expected:
            raise ValueError(f"{name} has shape {array.shape} of {array.dtype}")
        if name != "reprojection" and not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")
    if not sizes["T"]:
        raise ValueError("it has no frames")


def read_points(path: Path) -> NDArray[np.float32]:
    """A nonparametric mesh [T,V,3] in the world, metres, mapped from the disk. UserError."""
    try:
        points = np.load(path, mmap_mode="r", allow_pickle=False)
        if points.ndim != 3 or points.shape[2] != 3 or points.dtype != np.float32:
            raise ValueError(f"it has shape {points.shape} of {points.dtype}")
    except (OSError, ValueError, EOFError) as error:
        raise damaged_solution(path, error) from error
    return points


class DamagedSolution(UserError):
    """A solution cannot be used; it can be made again."""


def damaged_solution(path: Path, error: Exception) -> DamagedSolution:
    """What the user is told of a solution that cannot be used."""
    return DamagedSolution("Damaged solution", f"{path}: {error}.", "Click Solve to make it again.")
