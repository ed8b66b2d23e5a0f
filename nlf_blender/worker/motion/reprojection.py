# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a motion's joints are from where they were localized, in the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...body.body_data import BodyData
from ...protocol.cameras import CameraMotion
from ...protocol.take import CameraInfo
from .foot_points import joint_frames
from .motion import Float64Array, PersonMotion

NEAREST = 0.05  # metres before the camera: nearer, nothing has a place in the picture


def reprojection_error(
    motion: PersonMotion,
    localized: Float64Array,
    body: BodyData,
    world: Float64Array,
    intrinsics: Float64Array,
) -> Float64Array:
    """Mean distance over the joints in pixels of the undistorted picture, [T]; NaN in frames
    without evidence, and where somebody is in the camera's plane.

    localized [n,J,3]: joints in camera space of the n frames with evidence; world [T,4,4]: from
    camera space; intrinsics [3,3] or [T,3,3].
    """
    seen = np.flatnonzero(motion.evidence)
    joints = joint_frames(motion, body)[1][seen]
    matrix = world[seen]
    joints = (joints - matrix[:, None, :3, 3]) @ matrix[:, :3, :3]
    camera = np.broadcast_to(intrinsics, (len(motion.frame), 3, 3))[seen]
    apart = np.linalg.norm(_pixels(joints, camera) - _pixels(localized, camera), axis=-1)
    result = np.full(len(motion.frame), np.nan)
    result[seen] = apart.mean(axis=1)
    return result


def _pixels(points: Float64Array, intrinsics: Float64Array) -> Float64Array:
    """Pixels [n,J,2] of points [n,J,3] with intrinsics [n,3,3]; NaN where they have none."""
    values = points.astype(np.float64) @ intrinsics.transpose(0, 2, 1)
    depth = np.where(values[..., 2:] > NEAREST, values[..., 2:], np.nan)
    return values[..., :2] / depth


def intrinsics_at(
    camera: CameraInfo, cameras: CameraMotion | None, frames: NDArray[np.int64]
) -> Float64Array:
    """A take's intrinsics in frames [T] of the source: [3,3], of a solved camera [T,3,3]."""
    if cameras is None:
        return camera.matrix()
    return cameras.intrinsics[cameras.rows_of(frames)]
