# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera that sees each frame of footage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...protocol.cameras import CameraMotion, read_cameras, write_cameras
from ...protocol.settings import LocalizeSettings
from ...protocol.take import CAMERAS_FILE, CameraInfo, TakeInfo
from ..camera_choice import check_size, choose_camera
from ..media.footage import Footage
from ..nlf.camera import Camera

Float64Array = NDArray[np.float64]
UP = np.array([0.0, 0.0, 1.0])  # in Blender's world
SPARE_FRAMES = 100  # past the end as estimated: footage may have more


@dataclass(frozen=True, eq=False)
class FrameCameras:
    """A camera that stands still, or, with `motion`, a solved one that moves."""

    info: CameraInfo
    motion: CameraMotion | None = None

    @classmethod
    def chosen(
        cls, footage: Footage, settings: LocalizeSettings, frames: NDArray[np.int64]
    ) -> FrameCameras:
        """What the settings ask for, to localize these frames (indices into the source). UserError
        if the solved camera's file is not usable, or lacks one of them."""
        facts = footage.info
        size = (facts.width, facts.height)
        check_size(size, settings)
        if not settings.cameras:
            return cls(choose_camera(size, facts.focal_px, settings))
        spare = 0 if facts.exact else SPARE_FRAMES * settings.step
        known = np.arange(frames[0], frames[-1] + 1 + spare, settings.step)
        seconds = np.array([footage.seconds(int(index)) for index in known])
        motion = read_cameras(Path(settings.cameras)).by_index(known, seconds)
        first = motion.intrinsics[motion.rows_of(frames)[0]]
        matrix = tuple(float(x) for x in first.ravel())
        return cls(CameraInfo(matrix, settings.distortion, "solved", CAMERAS_FILE), motion)

    @classmethod
    def of_take(cls, take: Path, info: TakeInfo) -> FrameCameras:
        """Those of a take that exists. UserError if its cameras are damaged."""
        motion = read_cameras(take / info.camera.motion) if info.camera.motion else None
        return cls(info.camera, motion)

    def write(self, take: Path) -> None:
        """Write the take's cameras.npz, if the camera moves. OSError from the disk."""
        if self.motion is not None:
            write_cameras(take / CAMERAS_FILE, self.motion)

    def equals(self, other: FrameCameras) -> bool:
        """Whether both see the same."""
        if self.info != other.info or (self.motion is None) != (other.motion is None):
            return False
        if self.motion is None or other.motion is None:
            return True
        return all(
            np.array_equal(getattr(self.motion, name), getattr(other.motion, name))
            for name in ("frames", "intrinsics", "world_from_camera")
        )

    def at(self, frames: NDArray[np.int64]) -> list[Camera]:
        """The camera of each frame [n]. UserError if a solved camera has no place for one."""
        if self.motion is None:
            camera = Camera.create(self.info.matrix(), self.info.distortion)
            return [camera] * len(frames)
        rows = self.motion.rows_of(frames)
        return [
            Camera.create(
                self.motion.intrinsics[row],
                self.info.distortion,
                self.motion.world_from_camera[row, :3, :3].T @ UP,
            )
            for row in rows
        ]
