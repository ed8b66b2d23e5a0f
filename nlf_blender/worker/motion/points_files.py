# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one person's points into a solution: the mesh, and those of the take's point sets.

They are made in one go, for all are cleaned up by the same matrices. What is there already stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...body.body_data import BodyData
from ...protocol.motion_files import read_doubt, read_points
from ...protocol.solution import SetFiles
from .points import PointsPart, write_points
from .points_file import PointsFile
from .points_source import PointRows, PointsTask
from .solution_files import generation, is_whole
from .solved_sets import SetRows, SolvedSet
from .track_fit import PersonRows

BLOCK = 128  # frames of uncertainties written at a time


@dataclass(frozen=True, eq=False)
class PersonPoints:
    """What one person's points are made of. fit_key: of the fit, in the take's fits/; body: the
    take's, None for no mesh."""

    id: int
    rows: PersonRows
    task: PointsTask
    fit_key: str
    body: BodyData | None
    sets: Sequence[SolvedSet] = ()

    def made_of(self, more: str = "") -> str:
        """A hash of all that clean points depend on."""
        task = self.task
        parts = [np.frombuffer(f"{self.fit_key} {task.strength}{more}".encode(), np.uint8)]
        parts.append(task.usable)
        for motion in (task.before, task.after):
            parts += [motion.frame, motion.rotations, motion.root, motion.place_sigma]
            parts.append(np.array(motion.scale))
        return generation(*parts, task.world)

    def doubt_made_of(self, key: str) -> str:
        """A hash of all that uncertainties depend on, no slider among it."""
        task = self.task
        names = np.frombuffer(f"{self.fit_key} {key}".encode(), np.uint8)
        return generation(names, task.usable, task.before.evidence, task.before.frame)


def write_points_files(
    folder: Path, person: PersonPoints, device: str, on_block: Callable[[int], None]
) -> tuple[str, tuple[SetFiles, ...]]:
    """Write a person's mesh and points of sets unless they are there: the mesh's name, "" for none,
    and the sets' files. on_block(frames done) is called before each block. OSError from the disk.
    """
    mesh = "" if person.body is None else f"points_{person.id:03d}.{person.made_of()}.npy"
    files = tuple(_set_files(person, one) for one in person.sets)
    wanted: list[tuple[str, BodyData, PointRows]] = []
    if person.body is not None:
        wanted.append((mesh, person.body, person.rows))
    for one, names in zip(person.sets, files, strict=True):
        rows = SetRows(person.rows, one.files)
        wanted.append((names.points, one.body, rows))
        if not is_whole(folder / names.doubt, read_doubt):
            write_doubt(folder / names.doubt, person.task, rows, one.info.count)
    parts = [
        PointsPart(folder / name, body, rows)
        for name, body, rows in wanted
        if not is_whole(folder / name, read_points)
    ]
    write_points(parts, person.task, device, on_block)
    return mesh, files


def _set_files(person: PersonPoints, one: SolvedSet) -> SetFiles:
    of = f"{one.slug}_{person.id:03d}"
    points = f"set_{of}.{person.made_of(f' {one.key}')}.npy"
    return SetFiles(one.slug, points, f"doubt_{of}.{person.doubt_made_of(one.key)}.npy")


def write_doubt(path: Path, task: PointsTask, rows: SetRows, count: int) -> None:
    """Write a set's uncertainties float32 [T,K] in metres as a .npy file that appears whole: NaN
    in frames that do not tell of the person, and where a point was not localized."""
    frames = len(task.after.frame)
    row = np.cumsum(task.before.evidence) - 1
    with PointsFile(path, (frames, count)) as file:
        for first in range(0, frames, BLOCK):
            block = np.arange(first, min(first + BLOCK, frames))
            doubt = np.full((len(block), count), np.nan, dtype=np.float32)
            there = np.flatnonzero(task.usable[block])
            if len(there):
                doubt[there] = rows.read("uncertainty", row[block[there]], slice(0, count))
            file.write(torch.from_numpy(doubt))
