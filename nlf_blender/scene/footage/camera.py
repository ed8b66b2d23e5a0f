# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera of footage: where the ground says that it stands, or moving as it was solved."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from ...body.arrays import Float64Array
from ...body.conventions import BlenderCamera, blender_camera_matrices
from ...body.rotations import continuous_quaternions, quaternion_from_matrix
from ...protocol.cameras import CameraMotion
from ..actions import Channel, new_action, write_channels
from ..camera import camera_settings, make_camera
from ..datablocks import NewDatablocks
from .take import FootageTake
from .time_map import Samples, TimeMap

LENS_FIELDS = (("lens", "lens_mm"), ("shift_x", "shift_x"), ("shift_y", "shift_y"))


def make_footage_camera(
    new: NewDatablocks, name: str, take: FootageTake, times: TimeMap
) -> tuple[bpy.types.Object, BlenderCamera]:
    """The camera, and what the scene's render must have. UserError if Blender has none like it."""
    settings = _settings(take)
    camera = make_camera(new, name, settings, _first_matrix(take), _farthest(take))
    if take.cameras is not None:
        place, lens = _channels(take, take.cameras, times)
        camera.rotation_mode = "QUATERNION"
        new_action(new, camera.name, camera, place)
        if lens:
            new_action(new, camera.data.name, camera.data, lens)
    return camera, settings


def update_footage_camera(camera: bpy.types.Object, take: FootageTake, times: TimeMap) -> None:
    """Move a camera of `make_footage_camera` to where it is now known to be: in its parent, if the
    artist gave it one to move everything by."""
    if take.cameras is None:
        camera.matrix_basis = Matrix(_first_matrix(take))
        return
    for owner, channels in zip(
        (camera, camera.data), _channels(take, take.cameras, times), strict=True
    ):
        data = owner.animation_data
        if channels and data is not None and data.action is not None:
            write_channels(data.action, owner.id_type, channels)


def _settings(take: FootageTake) -> BlenderCamera:
    first = None if take.cameras is None else take.cameras.intrinsics[0]
    return camera_settings(take.info, first)


def _first_matrix(take: FootageTake) -> Float64Array:
    static = take.solution.camera_matrix()
    if take.cameras is not None:
        static = take.cameras.world_from_camera[0]
    return blender_camera_matrices(static)


def _farthest(take: FootageTake) -> float:
    """How far anybody gets from where the camera is first, metres."""
    place = _first_matrix(take)[:3, 3]
    return max(
        float(np.linalg.norm(person.motion["root"] - place, axis=1).max()) for person in take.people
    )


def _channels(
    take: FootageTake, cameras: CameraMotion, times: TimeMap
) -> tuple[list[Channel], list[Channel]]:
    """The object's keys, and the lens's where it changes."""
    samples = times.samples(take.times_of(cameras.frames))
    matrices = blender_camera_matrices(cameras.world_from_camera)
    turns = quaternion_from_matrix(matrices[:, :3, :3])
    quaternions = continuous_quaternions(samples.turned(turns))
    place = [
        Channel("location", samples.frames, samples.linear(matrices[:, :3, 3]), "Camera"),
        Channel("rotation_quaternion", samples.frames, quaternions, "Camera", rotation=True),
    ]
    return place, _lens_channels(take, cameras, samples)


def _lens_channels(take: FootageTake, cameras: CameraMotion, samples: Samples) -> list[Channel]:
    settings = [camera_settings(take.info, matrix) for matrix in cameras.intrinsics]
    channels = []
    for path, name in LENS_FIELDS:
        values = np.array([[getattr(setting, name)] for setting in settings])
        if np.ptp(values) > 0:
            channels.append(Channel(path, samples.frames, samples.linear(values), "Lens"))
    return channels
