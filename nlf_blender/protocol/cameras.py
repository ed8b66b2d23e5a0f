# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a solved camera was in every frame: the file that Blender hands to the worker, and the
take's cameras.npz."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .files import write_whole

Float64Array = NDArray[np.float64]
FIELDS = ("frames", "intrinsics", "world_from_camera")


@dataclass(frozen=True, eq=False)
class CameraMotion:
    """A camera in F frames of a source, in order.

    frames [F]: indices into the source; intrinsics [F,3,3] in pixels (middle of the top-left pixel
    at 0, 0); world_from_camera [F,4,4]: from camera space (x right, y down, z forward, metres) to
    Blender's world, rigid.
    """

    frames: NDArray[np.int64]
    intrinsics: Float64Array
    world_from_camera: Float64Array

    def rows_of(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows [n] of these frames [n]. UserError if one has no camera."""
        rows = np.searchsorted(self.frames, frames).clip(0, len(self.frames) - 1)
        missing = frames[self.frames[rows] != frames]
        if len(missing):
            raise UserError(
                "No camera for these frames",
                f"The solved camera has no place for frame {int(missing[0])} of the source"
                f" and {len(missing) - 1} others.",
                "Solve the camera over the whole range, or localize fewer frames.",
            )
        return rows


def write_cameras(path: Path, cameras: CameraMotion) -> None:
    """Write a cameras file. OSError from the disk."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        frames=np.asarray(cameras.frames, dtype=np.int64),
        intrinsics=np.asarray(cameras.intrinsics, dtype=np.float64),
        world_from_camera=np.asarray(cameras.world_from_camera, dtype=np.float64),
    )
    write_whole(path, buffer.getvalue())


def read_cameras(path: Path) -> CameraMotion:
    """Read a cameras file. UserError if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            cameras = CameraMotion(*(file[name] for name in FIELDS))
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
