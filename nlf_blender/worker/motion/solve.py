# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was localized to clean motion of every person: the whole flow on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ...errors import UserError
from ...protocol.cameras import read_cameras
from ...protocol.edits import Edit
from ...protocol.messages import STARTING
from ...protocol.solution import SolutionInfo
from ...protocol.solve_settings import SolveSettings
from ...protocol.take import read_info
from ..people.link import link
from ..people.sightings import LinkedPerson, Sightings
from ..progress import Progress
from ..take_writer import disk_errors
from .clean_up import CleanMotion, clean_up, fitted_motion, placed
from .ground import World, find_world
from .solve_cache import SolveCache
from .solve_output import Solve, Solved, write_solved
from .solved_sets import solved_sets
from .take_rows import read_take_rows
from .track_fit import PersonRows, TrackFit, fit_track


def solve_take(
    take: Path,
    settings: SolveSettings,
    edits: Sequence[Edit],
    progress: Progress,
    device: str = "cpu",
    cache: SolveCache | None = None,
) -> SolutionInfo:
    """Solve a take of footage: write its edits.json and solution/, and return the latter's info.

    UserError if the take is damaged, has nobody, or the disk refuses; Cancelled if the job was.
    """
    with disk_errors(take, "click Solve"):
        solve = _begin(take, settings, progress, device, cache or SolveCache())
        progress.step("Joining people")
        people = _people(solve, edits)
        kept = [person for person in people if person.kept]
        progress.people = len(kept)
        fits = _fits(solve, kept)
        world, clean = _clean(solve, kept, fits)
        solved = {
            person.id: Solved(*fit, motion)
            for person, fit, motion in zip(kept, fits, clean, strict=True)
        }
        return write_solved(solve, edits, people, solved, world)


def _begin(
    take: Path, settings: SolveSettings, progress: Progress, device: str, cache: SolveCache
) -> Solve:
    progress.step(STARTING)
    info = read_info(take)
    if not info.is_footage or not sum(chunk.rows for chunk in info.chunks):
        what = "has no people" if info.is_footage else "is of a photo, which has no motion"
        raise UserError(
            "Nothing to solve", f"{take} {what}.", "Localize footage with a person in it."
        )
    rows = read_take_rows(
        take, info, cache.chunks, lambda done, total: progress.step("Reading", done, total)
    )
    cameras = read_cameras(take / info.camera.motion) if info.camera.motion else None
    body, sha256 = cache.body(take, device)
    sets = solved_sets(take, info, body.body, cache.verified)
    return Solve(take, info, settings, progress, cache, device, body, sha256, rows, cameras, sets)


def _people(solve: Solve, edits: Sequence[Edit]) -> tuple[LinkedPerson, ...]:
    """Who is who."""
    rows = solve.rows
    joints = rows.joints.astype(np.float64)
    if solve.cameras is not None:
        world = solve.cameras.world_from_camera[solve.cameras.rows_of(rows.frame)]
        joints = joints @ world[:, :3, :3].transpose(0, 2, 1) + world[:, None, :3, 3]
    drawn = np.array([chunk.frames == 0 for chunk in solve.info.chunks])
    sightings = Sightings(
        frame=rows.frame,
        time=rows.time,
        tracklet=rows.track,
        box=rows.box.astype(np.float64),
        score=rows.score.astype(np.float64),
        joints=joints,
        uncertainty=rows.uncertainty.astype(np.float64),
        appearance=rows.appearance.astype(np.float64),
        extra=drawn[rows.chunk],
    )
    most, gap = solve.settings.max_people, solve.settings.gap_seconds
    return link(sightings, rows.cuts, max_people=most, gap_seconds=gap, edits=edits)


def _fits(solve: Solve, kept: Sequence[LinkedPerson]) -> list[tuple[str, TrackFit]]:
    """Keys and fits of the people who are kept; only those who changed are fitted again."""
    share = solve.settings.share_shape
    tracks = [PersonRows(solve.take, solve.info, solve.rows, person.rows) for person in kept]
    keys = [track.key(solve.body_sha256, share) for track in tracks]
    found = {key: solve.cache.fit(solve.take, key) for key in keys}
    new = [pair for pair in zip(keys, tracks, strict=True) if found[pair[0]] is None]
    total, done = sum(len(track.chosen) for _, track in new), 0
    for key, track in new:

        def on_block(frame: int, before: int = done) -> None:
            solve.progress.step("Fitting", before + frame, total)

        found[key] = fit_track(track, solve.body, share, on_block)
        solve.cache.add_fit(solve.take, key, found[key])
        done += len(track.chosen)
    solve.cache.drop_others(solve.take, set(keys))
    return [(key, fit) for key in keys if (fit := found[key]) is not None]


def _clean(
    solve: Solve, kept: Sequence[LinkedPerson], fits: Sequence[tuple[str, TrackFit]]
) -> tuple[World, list[CleanMotion]]:
    """The world, and everybody's clean motion in it. fits: with their keys."""
    solve.progress.step("Cleaning up", 0, len(kept))
    rows, body = solve.rows, solve.body.body
    in_camera = [fitted_motion(rows, p.rows, fit) for p, (_, fit) in zip(kept, fits, strict=True)]
    mode = solve.settings.ground
    find = partial(find_world, in_camera, body, solve.cameras, mode)
    chunks = tuple(chunk.sha256 for chunk in solve.info.chunks)
    made_of = (chunks, tuple(key for key, _ in fits), mode)
    world = find() if solve.cameras is not None else solve.cache.world(made_of, find)
    clean: list[CleanMotion] = []
    for number, motion in enumerate(in_camera):
        solve.progress.step("Cleaning up", number, len(kept))
        matrices, size = world.matrices(motion.frame), float(world.sizes[number])
        seen = placed(motion, body.skeleton.root, matrices, size)
        clean.append(clean_up(seen, rows, world, body, solve.settings))
    return world, clean
