# SPDX-License-Identifier: GPL-3.0-or-later
"""The solution of a take of footage: every person's clean motion, in the world.

    solution/solution.json           who there is, where the ground is, how good it is
    solution/person_003.GEN.npz      the motion of person 3 (see motion_files.py)
    solution/points_003.GEN.npy      their nonparametric mesh: float32 [T,V,3], metres, world
    solution/thumbnail_003.GEN.jpg   what they look like
    solution/set_SLUG_003.GEN.npy    their points of a point set: float32 [T,K,3], metres, world
    solution/doubt_SLUG_003.GEN.npy  float32 [T,K]: uncertainty of these, metres; NaN where nothing
                                     was seen, and the points only follow the body
    solution/rig_SLUG_003.GEN.npz    of a rig: its motion (see motion_files.py)

The world is Blender's: z up, metres; the ground at z = 0 unless a solved camera says otherwise.
GEN is the generation: a new solution is written beside the old one, solution.json then leads to it,
and the old files go. Where points take a while, solution.json leads to the new motion first, with
`points_due`. `preview/` has the same layout, while the job runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

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
    it was made from, 0 if unknown; sets: of which point sets (take_sets.set_contents); points_due:
    people's points, of the mesh and of sets, are still to be written, so nobody has any."""

    settings: Json
    edits: tuple[Edit, ...]
    world_from_camera: tuple[float, ...]
    ground: str
    people: tuple[PersonInfo, ...]
    cuts: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    report: Json | None = None
    chunks: int = 0
    sets: dict[str, str] = field(default_factory=dict[str, str])
    points_due: bool = False

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
            sets=_contents(as_object(data.get("sets", {}), "sets")),
            points_due=as_bool(data.get("points_due", False), "points_due"),
        )


def _frames(value: object, what: str) -> tuple[int, ...]:
    return tuple(as_int(item, what) for item in as_list(value, what))


def _contents(data: Json) -> dict[str, str]:
    return {slug: as_str(sha256, "sets") for slug, sha256 in data.items()}


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


def write_solution(folder: Path, info: SolutionInfo) -> None:
    """Write solution.json into a solution folder, which makes it lead to its files, and remove
    those that no person leads to any more, unless points are due. OSError from the disk."""
    text = json.dumps(info.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / SOLUTION_FILE, text.encode())
    if info.points_due:
        return
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


class DamagedSolution(UserError):
    """A solution cannot be used; it can be made again."""


def damaged_solution(path: Path, error: Exception) -> DamagedSolution:
    """What the user is told of a solution that cannot be used."""
    return DamagedSolution("Damaged solution", f"{path}: {error}.", "Click Solve to make it again.")
