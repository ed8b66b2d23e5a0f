# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what was solved: everybody's files, then solution.json, which leads to them.

Points take longer than all else together. So where a take was solved before, solution.json leads to
the new motion as soon as there is one, and whoever waits for it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...protocol.cameras import CameraMotion
from ...protocol.edits import Edit, write_edits
from ...protocol.json_fields import Json
from ...protocol.solution import (
    SOLUTION_FILE,
    SOLUTION_FOLDER,
    DamagedSolution,
    PersonInfo,
    SetFiles,
    SolutionInfo,
    read_solution,
    write_solution,
)
from ...protocol.solve_settings import SolveSettings
from ...protocol.take import TakeInfo
from ...protocol.take_sets import set_contents
from ..people.sightings import LinkedPerson
from ..progress import Progress
from ..rigs.personal_rest import PersonalRests
from ..smpl.body_model import BodyModel
from .clean_up import CleanMotion
from .ground import World
from .motion import PersonMotion
from .points_files import PersonPoints, write_points_files
from .points_source import PointsTask
from .report import person_report, take_report
from .reprojection import intrinsics_at, reprojection_error
from .rig_files import write_rig_file
from .solution_files import motion_arrays, write_motion_file, write_thumbnail
from .solve_cache import SolveCache
from .solved_sets import SolvedSet
from .take_rows import TakeRows
from .track_fit import PersonRows, TrackFit


@dataclass(frozen=True, eq=False)
class Solved:
    """What was found of one person. fit_key: of the fit, in the take's fits/."""

    fit_key: str
    fit: TrackFit
    clean: CleanMotion


@dataclass(frozen=True, eq=False)
class Solve:
    """What all steps of one solve need."""

    take: Path
    info: TakeInfo
    settings: SolveSettings
    progress: Progress
    cache: SolveCache
    device: str
    body: BodyModel
    body_sha256: str
    rows: TakeRows
    cameras: CameraMotion | None
    sets: tuple[SolvedSet, ...]


def write_solved(
    solve: Solve,
    edits: Sequence[Edit],
    people: Sequence[LinkedPerson],
    solved: dict[int, Solved],
    world: World,
) -> SolutionInfo:
    """Write solution/ and edits.json, and return what solution.json says. OSError from the disk."""
    folder = solve.take / SOLUTION_FOLDER
    folder.mkdir(exist_ok=True)
    infos: list[PersonInfo] = []
    reports: dict[int, Json] = {}
    for person in people:
        info = _person_info(solve, person)
        if person.id in solved:
            file, reports[person.id] = _write_motion(solve, person, solved[person.id], world)
            info = replace(info, file=file)
        infos.append(info)
    solution = _solution(solve, edits, world, infos, reports)
    if (solve.settings.points or solve.sets) and _is_news(solve.take, solution):
        write_edits(solve.take, edits)
        write_solution(folder, replace(solution, points_due=True))
        solve.progress.motion(solve.take)
    solution = replace(solution, people=_with_points(solve, people, infos, solved, world))
    write_edits(solve.take, edits)
    write_solution(folder, solution)
    return solution


def _is_news(take: Path, solution: SolutionInfo) -> bool:
    """Whether a take was solved before, and its people have moved since."""
    if not (take / SOLUTION_FOLDER / SOLUTION_FILE).exists():
        return False
    try:
        before = read_solution(take)
    except DamagedSolution:
        return False
    moved = [(person.id, person.file) for person in solution.people]
    return moved != [(person.id, person.file) for person in before.people]


def _solution(
    solve: Solve,
    edits: Sequence[Edit],
    world: World,
    people: Sequence[PersonInfo],
    reports: dict[int, Json],
) -> SolutionInfo:
    return SolutionInfo(
        settings=solve.settings.to_json(),
        edits=tuple(edits),
        world_from_camera=() if world.static is None else tuple(map(float, world.static.ravel())),
        ground=world.how,
        people=tuple(people),
        cuts=solve.rows.cuts,
        missing=solve.rows.missing(solve.info.source),
        report=take_report(reports),
        chunks=len(solve.info.chunks),
        sets=set_contents(solve.take),
    )


def _person_info(solve: Solve, person: LinkedPerson) -> PersonInfo:
    """A person's entry in solution.json, less what is solved of them; it writes the thumbnail."""
    tracklets, frames = solve.rows.track[person.rows], solve.rows.frame[person.rows]
    folder = solve.take / SOLUTION_FOLDER
    return PersonInfo(
        id=person.id,
        name=person.name,
        kept=person.kept,
        file="",
        points="",
        thumbnail=write_thumbnail(folder, person.id, solve.take, tracklets),
        frames=(int(frames[0]), int(frames[-1])),
        sightings=len(frames),
    )


def _write_motion(
    solve: Solve, person: LinkedPerson, one: Solved, world: World
) -> tuple[str, Json]:
    """Write one person's motion: the file's name, and the person's report."""
    clean, body = one.clean, solve.body.body
    matrices = world.matrices(clean.after.frame)
    intrinsics = intrinsics_at(solve.info.camera, solve.cameras, clean.after.frame)
    localized = solve.rows.joints[person.rows].astype(np.float64)
    errors = [
        reprojection_error(motion, localized, body, matrices, intrinsics)
        for motion in (clean.before, clean.after)
    ]
    report = person_report(clean.before, clean.after, clean.contacts, body, world.floor, *errors)
    arrays = motion_arrays(clean, errors[1], one.fit.vertex_uncertainty)
    return write_motion_file(solve.take / SOLUTION_FOLDER, person.id, arrays), report


def _with_points(
    solve: Solve,
    people: Sequence[LinkedPerson],
    infos: Sequence[PersonInfo],
    solved: dict[int, Solved],
    world: World,
) -> tuple[PersonInfo, ...]:
    """Write everybody's points; the entries of people, who have theirs now."""
    rigs = [one for one in solve.sets if one.rig is not None]
    solve.cache.drop_other_rests({one.key for one in rigs})
    total = sum(len(one.clean.after.frame) for one in solved.values()) * (1 + len(rigs))
    done = 0
    found = list(infos)
    for number, person in enumerate(people):
        if person.id in solved:
            one = solved[person.id]
            points, sets = _write_points(solve, person, one, world, (done, total))
            found[number] = replace(found[number], points=points, sets=sets)
            done += len(one.clean.after.frame) * (1 + len(rigs))
    return tuple(found)


def _write_points(
    solve: Solve, person: LinkedPerson, solved: Solved, world: World, progress: tuple[int, int]
) -> tuple[str, tuple[SetFiles, ...]]:
    """Write one person's mesh, if it is wanted, and their points of all sets: the mesh's name, and
    the sets' files. progress: frames of others that are done, and all frames."""
    clean, settings = solved.clean, solve.settings
    track = PersonRows(solve.take, solve.info, solve.rows, person.rows)
    matrices = world.matrices(clean.after.frame)
    task = PointsTask(clean.before, clean.after, clean.usable, matrices, settings.smoothing)
    body = solve.body.body if settings.points else None
    points = PersonPoints(person.id, track, task, solved.fit_key, body, solve.sets)
    done, total = progress

    def on_block(frame: int) -> None:
        solve.progress.step("Writing", done + frame, total)

    folder = solve.take / SOLUTION_FOLDER
    mesh, sets = write_points_files(folder, points, solve.device, on_block)
    found: list[SetFiles] = []
    for one, files in zip(solve.sets, sets, strict=True):
        if one.rig is not None:
            done += len(clean.after.frame)
            files = replace(files, rig=_write_rig(solve, person, one, files, clean.after, on_block))
        found.append(files)
    return mesh, tuple(found)


def _write_rig(
    solve: Solve,
    person: LinkedPerson,
    one: SolvedSet,
    files: SetFiles,
    motion: PersonMotion,
    on_block: Callable[[int], None],
) -> str:
    rig = one.rig
    assert rig is not None

    def rests() -> PersonalRests:
        return solve.cache.rests(one.key, lambda: PersonalRests(rig, solve.body, one.attachment))

    folder = solve.take / SOLUTION_FOLDER
    return write_rig_file(folder, person.id, one, files, motion, rests, solve.device, on_block)
