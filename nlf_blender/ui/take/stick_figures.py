# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a running job as lines between their joints, at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...body.arrays import Float64Array
from ...body.kinematics import global_transforms, rest_joints
from ...body.npz_file import DAMAGED, read_npz
from ...body.rotations import matrix_from_rotvec
from ...body.smpl_layout import skeleton_of
from ...protocol.clip_rate import clip_rate
from ...protocol.motion_files import Motion, read_motion
from ...protocol.rows import damaged, read_chunk
from ...protocol.solution import PREVIEW_FOLDER, PersonInfo, read_solution
from ...protocol.take import BODY_FILE, read_info

LONGEST_GAP = 1.5  # localized frames; beyond that from one where they were seen, nobody is drawn


@dataclass(frozen=True, eq=False)
class Skeleton:
    """What of a take's body bones need: joints_template [J,3], joints_shapedirs [J,3,B], SMPL's
    axes, and parents."""

    joints_template: Float64Array
    joints_shapedirs: Float64Array
    parents: tuple[int, ...]

    def lines(self, motion: Motion, row: int) -> Float64Array:
        """The bones [2(J-1),3] of a person in a row of their motion: world, metres; each two points
        are one."""
        rest = motion["scale"] * rest_joints(
            self.joints_template, self.joints_shapedirs, motion["betas"]
        )
        root = self.parents.index(-1)
        turns = matrix_from_rotvec(motion["pose"][row])
        places = global_transforms(turns, rest, self.parents, motion["root"][row] - rest[root])
        bones = [(parent, child) for child, parent in enumerate(self.parents) if parent >= 0]
        ends = [joint for bone in bones for joint in bone]
        return places[ends, :3, 3]


@dataclass
class Figures:
    """The people of a take's preview. step: between localized frames; rate: of the source, frames
    a second; time0: of the first localized frame, seconds; lift: metres that they are raised by."""

    step: int
    rate: float
    time0: float
    skeleton: Skeleton
    people: list[tuple[PersonInfo, Motion]] = field(default_factory=list)
    lift: float = 0.0

    def at(self, seconds: float) -> list[tuple[int, Float64Array]]:
        """Everybody who is seen at a moment of the source: the id and the bones [2(J-1),3]."""
        rate = self.rate / self.step
        found: list[tuple[int, Float64Array]] = []
        for info, motion in self.people:
            row = int(np.argmin(np.abs(motion["time"] - seconds)))
            if abs(float(motion["time"][row]) - seconds) * rate < LONGEST_GAP:
                bones = self.skeleton.lines(motion, row)
                bones[:, 2] += self.lift
                found.append((info.id, bones))
        return found

    def stand(self) -> None:
        """Raise all so that the lowest joint of some frames is at height 0: where nobody has looked
        for the ground yet, the camera is in the origin and people are under it."""
        lowest = [
            float(self.skeleton.lines(motion, row)[:, 2].min())
            for _, motion in self.people
            for row in (0, len(motion["time"]) // 2, -1)
        ]
        self.lift = -min(lowest, default=0.0)


def read_skeleton(take: Path) -> Skeleton:
    """The skeleton of a take's body, without the mesh, which is a thousand times larger. UserError
    if it cannot be read."""
    path = take / BODY_FILE
    try:
        arrays = read_npz(path, ("J_template", "J_shapedirs", "kintree_table"))
        parents = skeleton_of(arrays).parents
        return Skeleton(arrays["J_template"], arrays["J_shapedirs"], parents)
    except (OSError, *DAMAGED) as error:
        raise damaged(path, error) from error


def read_figures(take: Path, known: Figures | None = None) -> Iterator[Figures | None]:
    """Read a take's preview, a file at a step; the last step gives what was read, the others None.

    known: of the same take, read before. UserError if a file is damaged, or the worker has just
    replaced it.
    """
    if known is None:
        skeleton = read_skeleton(take)
        yield None
        info = read_info(take)
        times = read_chunk(take, info.chunks[0], ("times",), verify=False)["times"]
        step = info.source.step
        rate = clip_rate(info.source.fps, times, step)
        known = Figures(step, rate, float(times[0]), skeleton)
        yield None
    folder = take / PREVIEW_FOLDER
    solution = read_solution(take, PREVIEW_FOLDER)
    figures = Figures(known.step, known.rate, known.time0, known.skeleton)
    for info in solution.kept:
        yield None
        figures.people.append((info, read_motion(folder / info.file)))
    if solution.camera_matrix() is not None:  # else a solved camera says where the ground is
        figures.stand()
    yield figures
