# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a solved camera was in every frame: the file that Blender hands to the worker, and the
take's cameras.npz."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .clip_clock import first_shown
from .files import write_whole

Float64Array = NDArray[np.float64]
FIELDS = ("frames", "intrinsics", "world_from_camera")


@dataclass(frozen=True, eq=False)
class CameraMotion:
    """A camera in F frames of a source, in order.

    frames [F]: indices into the source; intrinsics [F,3,3] in pixels (middle of the top-left pixel
    at 0, 0); world_from_camera [F,4,4]: from camera space (x right, y down, z forward, metres) to
    Blender's world, rigid.

    clock: 0 in a take. What Blender hands over of a video counts frames as Blender does, by this
    rate a second (see clip_clock), and not by index.
    """

    frames: NDArray[np.int64]
    intrinsics: Float64Array
    world_from_camera: Float64Array
    clock: float = 0.0

    def by_index(self, frames: NDArray[np.int64], times: Float64Array) -> CameraMotion:
        """The camera of the pictures with these indices [n], which are shown at these times [n] in
        seconds; of those only for which there is one."""
        if not self.clock:
            return self
        shown = np.round(first_shown(times, self.clock)).astype(np.int64)
        known = np.isin(shown, self.frames)
        rows = np.searchsorted(self.frames, shown[known])
        return replace(
            self,
            frames=frames[known],
            intrinsics=self.intrinsics[rows],
            world_from_camera=self.world_from_camera[rows],
            clock=0.0,
        )

    def rows_of(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows [n] of these frames [n]. UserError if one has no camera."""
        missing = frames[~np.isin(frames, self.frames)]
        if len(missing):
            raise UserError(
                "No camera for these frames",
                f"The solved camera has no place for frame {int(missing[0])} of the source"
                f" and {len(missing) - 1} others.",
                "Solve the camera over the whole range, or localize fewer frames.",
            )
        return np.searchsorted(self.frames, frames)


def write_cameras(path: Path, cameras: CameraMotion) -> None:
    """Write a cameras file. OSError from the disk."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        frames=np.asarray(cameras.frames, dtype=np.int64),
        intrinsics=np.asarray(cameras.intrinsics, dtype=np.float64),
        world_from_camera=np.asarray(cameras.world_from_camera, dtype=np.float64),
        clock=np.float64(cameras.clock),
    )
    write_whole(path, buffer.getvalue())


def read_cameras(path: Path) -> CameraMotion:
    """Read a cameras file. UserError if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            clock = float(file["clock"]) if "clock" in file.files else 0.0
            cameras = CameraMotion(*(file[name] for name in FIELDS), clock=clock)
        _check(cameras)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            "Camera not readable",
            f"{path}: {error}.",
            "Choose the camera again and start the job once more.",
        ) from error
    return cameras


def _check(cameras: CameraMotion) -> None:
    count = len(cameras.frames)
    if not np.isfinite(cameras.clock) or cameras.clock < 0:
        raise ValueError("its clock is no rate")
    if not count or not (np.diff(cameras.frames) > 0).all():
        raise ValueError("its frames are not in order")
    if cameras.intrinsics.shape != (count, 3, 3):
        raise ValueError(f"intrinsics have shape {cameras.intrinsics.shape}")
    if cameras.world_from_camera.shape != (count, 4, 4):
        raise ValueError(f"world_from_camera has shape {cameras.world_from_camera.shape}")
    rotations = cameras.world_from_camera[:, :3, :3]
    identity = rotations @ np.swapaxes(rotations, 1, 2)
    if not np.allclose(identity, np.eye(3), atol=1e-4) or (np.linalg.det(rotations) < 0).any():
        raise ValueError("its transforms are not rigid")
    if not np.isfinite(cameras.intrinsics).all() or (cameras.intrinsics[:, 0, 0] <= 0).any():
        raise ValueError("its focal lengths are not above 0")
