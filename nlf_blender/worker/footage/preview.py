# SPDX-License-Identifier: GPL-3.0-or-later
"""The take's `preview/`: what was localized so far, so that frames appear while the job runs.

It is a solution (protocol/solution.py) without any clean-up: a person for every tracklet, each
frame as it was fitted, before a level camera in the origin unless the camera is solved.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...body.body_data import BodyData
from ...body.conventions import BLENDER_FROM_CAMERA
from ...body.kinematics import rest_joints
from ...body.rotations import matrix_from_rotvec, rotvec_from_matrix
from ...protocol.cameras import CameraMotion
from ...protocol.motion_files import write_motion
from ...protocol.rows import Rows
from ...protocol.solution import PREVIEW_FOLDER, PersonInfo, SolutionInfo
from ...protocol.solution import write_solution as write_solution_info
from ...protocol.solve_settings import SolveSettings

FIELDS = ("frame", "timestamp", "track", "pose", "betas", "translation", "uncertainty")
GROUND = "not looked for yet: the camera is taken for level"
SOLVED_GROUND = "not looked for yet"
# A preview is renewed only if that will have taken less than this share of the time since the last
LARGEST_SHARE = 0.05
Arrays = dict[str, NDArray[Any]]


@dataclass(eq=False)
class Tracklet:
    """The sightings of one tracklet, chunk by chunk; file: where they were last written to."""

    parts: list[Arrays] = field(default_factory=list)
    file: str = ""
    vertex_uncertainty: NDArray[np.float32] | None = None  # [V] of the latest chunk's

    def joined(self) -> Arrays:
        """All sightings, in the order of frames."""
        if len(self.parts) > 1:
            names = self.parts[0]
            whole = {n: np.concatenate([part[n] for part in self.parts]) for n in names}
            self.parts = [whole]
        return self.parts[0]


class Preview:
    """Keeps the small arrays of all rows, and writes them as a solution when asked."""

    def __init__(
        self,
        take: Path,
        body: BodyData,
        cameras: CameraMotion | None,
        settings: SolveSettings,
        step: int,
    ) -> None:
        self._folder = take / PREVIEW_FOLDER
        self._body = body
        self._cameras = cameras
        self._settings = settings
        self._step = step
        self._tracklets: dict[int, Tracklet] = {}
        self._generation = 0
        self._cost = 0.0
        self._renewed = 0.0

    def add(self, rows: Rows) -> None:
        """Take a chunk's rows (`FIELDS`) up."""
        self._generation += 1
        vertices = self._body.vertex_count
        for track in np.unique(rows["track"]):
            chosen = np.flatnonzero(rows["track"] == track)
            uncertainty = rows["uncertainty"][chosen]
            part = {n: rows[n][chosen] for n in FIELDS if n not in ("track", "uncertainty")}
            part["uncertainty"] = uncertainty.mean(axis=1)
            tracklet = self._tracklets.setdefault(int(track), Tracklet())
            tracklet.parts.append(part)
            tracklet.file = ""
            tracklet.vertex_uncertainty = uncertainty[:, :vertices].mean(axis=0)

    def renew(self) -> bool:
        """Write what is there, unless that would take too much of the job's time. Whether it did.
        OSError from the disk."""
        began = time.monotonic()
        if not self._tracklets or self._cost > LARGEST_SHARE * (began - self._renewed):
            return False
        self._folder.mkdir(exist_ok=True)
        for number, tracklet in self._tracklets.items():
            if not tracklet.file:
                tracklet.file = f"person_{number:03d}.{self._generation}.npz"
                write_motion(self._folder / tracklet.file, self._motion(tracklet))
        write_solution_info(self._folder, self._info())
        self._renewed = time.monotonic()
        self._cost = self._renewed - began
        return True

    def _info(self) -> SolutionInfo:
        """solution.json: those seen longest are kept, as many as are asked for."""
        sightings = {number: len(t.joined()["frame"]) for number, t in self._tracklets.items()}
        longest = sorted(sightings, key=lambda number: (-sightings[number], number))
        kept = set(longest[: self._settings.max_people])
        people = [
            PersonInfo(
                id=number,
                name=f"Person {number + 1}",
                kept=number in kept,
                file=tracklet.file,
                points="",
                thumbnail="",
                frames=(int(tracklet.joined()["frame"][0]), int(tracklet.joined()["frame"][-1])),
                sightings=sightings[number],
            )
            for number, tracklet in sorted(self._tracklets.items())
        ]
        level = np.eye(4)
        level[:3, :3] = BLENDER_FROM_CAMERA
        still = self._cameras is None
        return SolutionInfo(
            settings=self._settings.to_json(),
            edits=(),
            world_from_camera=tuple(float(x) for x in level.ravel()) if still else (),
            ground=GROUND if still else SOLVED_GROUND,
            people=tuple(people),
        )

    def _motion(self, tracklet: Tracklet) -> Arrays:
        """The motion of one tracklet; frames in which it was not believed repeat the one before."""
        seen = tracklet.joined()
        frames = np.arange(seen["frame"][0], seen["frame"][-1] + 1, self._step)
        rows = np.searchsorted(seen["frame"], frames, side="right") - 1
        evidence = seen["frame"][rows] == frames
        betas = seen["betas"].mean(axis=0, dtype=np.float64)
        rest = rest_joints(self._body.joints_template, self._body.joints_shapedirs, betas)
        turns, places = self._from_camera(seen["frame"][rows])
        pose = seen["pose"][rows].astype(np.float64)
        root = rest[0] + seen["translation"][rows]
        pose[:, 0] = rotvec_from_matrix(turns @ matrix_from_rotvec(pose[:, 0]))
        uncertainty = tracklet.vertex_uncertainty
        return {
            "frame": frames,
            "time": np.interp(frames, seen["frame"], seen["timestamp"]),
            "root": (turns @ root[..., None])[..., 0] + places,
            "pose": pose,
            "betas": betas,
            "scale": np.array(1.0),
            "evidence": evidence,
            "uncertainty": seen["uncertainty"][rows],
            "turn_sigma": np.zeros(pose.shape[:2]),
            "contacts": np.zeros((len(frames), 4), bool),
            "reprojection": np.full(len(frames), np.nan),
            "vertex_uncertainty": uncertainty,
        }

    def _from_camera(self, frames: NDArray[np.int64]) -> tuple[NDArray, NDArray]:
        """Turns [T,3,3] and places [T,3] from camera space to the world."""
        if self._cameras is None:
            count = len(frames)
            return np.broadcast_to(BLENDER_FROM_CAMERA, (count, 3, 3)), np.zeros((count, 3))
        matrices = self._cameras.world_from_camera[self._cameras.rows_of(frames)]
        return matrices[:, :3, :3], matrices[:, :3, 3]
