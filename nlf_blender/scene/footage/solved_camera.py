# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera of the scene, solved or animated, as the localizer needs it: where it was and how it saw
in every frame of the source.

Blender evaluates the camera itself, with its parents, constraints, drivers and keys, but in a scene
of its own, which holds nothing else: the user's scene stays at its frame, and the rest of it is not
computed. That scene is gone again before anybody else has a turn.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from ...body.arrays import Float64Array
from ...body.conventions import BlenderCamera, SensorFit, intrinsics_from_blender_camera
from ...errors import UserError
from ...protocol.cameras import CameraMotion

SLICE_SECONDS = 0.01
ASPECT_TOLERANCE = 0.01  # relative, of the render's sides against the source's
_CAMERA_FROM_CV = np.diag([1.0, -1.0, -1.0, 1.0])  # y down, z forward to y up, z backward


@dataclass(frozen=True)
class SourceFrames:
    """What of a source is sampled. indices: of frames, in order, by clock as in CameraMotion;
    scene_frames: when each of them is shown, fractions included; width, height: pixels."""

    indices: Sequence[int]
    scene_frames: Sequence[float]
    width: int
    height: int
    clock: float = 0.0


def sample_camera(
    scene: bpy.types.Scene, camera: bpy.types.Object, frames: SourceFrames
) -> Generator[None, None, CameraMotion]:
    """The camera's motion, in metres by the scene's unit scale, as the generator's value.

    It yields every SLICE_SECONDS, for Blender to go on meanwhile. UserError if no camera can have
    seen that.
    """
    check_camera(scene, camera, frames.width, frames.height)
    return _sampled(scene.session_uid, camera.session_uid, frames)


def sample_at_once(
    scene: bpy.types.Scene, camera: bpy.types.Object, frames: SourceFrames
) -> CameraMotion:
    """As `sample_camera`, of a few frames."""
    sampling = sample_camera(scene, camera, frames)
    while True:
        try:
            next(sampling)
        except StopIteration as end:
            return end.value


def _sampled(
    scene_uid: int, camera_uid: int, frames: SourceFrames
) -> Generator[None, None, CameraMotion]:
    intrinsics: list[Float64Array] = []
    matrices: list[Float64Array] = []
    while len(matrices) < len(frames.indices):
        # looked up again each time: undo makes new ones of all that Python holds
        scene, camera = _still_there(scene_uid, camera_uid)
        _sample_slice(scene, camera, frames, intrinsics, matrices)
        yield
    return CameraMotion(
        np.array(frames.indices, dtype=np.int64),
        np.array(intrinsics),
        np.array(matrices),
        frames.clock,
    )


def camera_intrinsics(
    scene: bpy.types.Scene, camera: bpy.types.Object, width: int, height: int
) -> Float64Array:
    """The intrinsics [3,3] (pixels) of a camera as it is now. UserError as `sample_camera`."""
    check_camera(scene, camera, width, height)
    return _intrinsics(scene, camera.data, width, height)


def camera_place(scene: bpy.types.Scene, camera: bpy.types.Object) -> Float64Array:
    """world_from_camera [4,4] of a camera as it is now, metres. UserError if it is mirrored."""
    return _world_from_camera(camera.matrix_world, camera.name, unit_metres(scene))


def unit_metres(scene: bpy.types.Scene) -> float:
    """How many metres a Blender unit means in a scene."""
    units = scene.unit_settings
    return 1.0 if units.system == "NONE" else units.scale_length


def solved_clip(scene: bpy.types.Scene, camera: bpy.types.Object) -> bpy.types.MovieClip | None:
    """The clip that a camera was solved from."""
    for constraint in camera.constraints:
        if constraint.type == "CAMERA_SOLVER" and not constraint.mute:
            return scene.active_clip if constraint.use_active_clip else constraint.clip
    return None


def check_camera(scene: bpy.types.Scene, camera: bpy.types.Object, width: int, height: int) -> None:
    """UserError if this camera, with the scene's render size, cannot have seen this source."""
    if camera.data.type != "PERSP":
        raise UserError(
            "Camera not supported",
            f"{camera.name} is no perspective camera.",
            "Choose another camera under Source, or make it a perspective one.",
        )
    render = scene.render
    aspect = render.resolution_x / render.resolution_y
    if abs(aspect * height / width - 1.0) > ASPECT_TOLERANCE:
        raise UserError(
            "Other proportions",
            f"The scene renders {render.resolution_x}x{render.resolution_y} pixels, the source has"
            f" {width}x{height}: {camera.name} cannot have seen it.",
            "Set the scene's resolution to the source's, under Output Properties.",
        )


def _still_there(scene_uid: int, camera_uid: int) -> tuple[bpy.types.Scene, bpy.types.Object]:
    scene = next((item for item in bpy.data.scenes if item.session_uid == scene_uid), None)
    camera = next((item for item in bpy.data.objects if item.session_uid == camera_uid), None)
    if scene is None or camera is None or camera.data is None:
        raise UserError(
            "The camera is gone",
            "It was removed, or another file was opened, before it was read in every frame.",
            "Choose the camera again and start the job once more.",
        )
    return scene, camera


def _sample_slice(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    frames: SourceFrames,
    intrinsics: list[Float64Array],
    matrices: list[Float64Array],
) -> None:
    until = time.perf_counter() + SLICE_SECONDS
    with _scene_of_its_own(scene, camera) as own:
        while len(matrices) < len(frames.indices) and time.perf_counter() < until:
            frame = frames.scene_frames[len(matrices)]
            whole = int(np.floor(frame))
            own.frame_set(whole, subframe=float(frame - whole))
            evaluated = camera.evaluated_get(own.view_layers[0].depsgraph)
            intrinsics.append(_intrinsics(scene, evaluated.data, frames.width, frames.height))
            place = _world_from_camera(evaluated.matrix_world, camera.name, unit_metres(scene))
            matrices.append(place)


@contextmanager
def _scene_of_its_own(
    scene: bpy.types.Scene, camera: bpy.types.Object
) -> Iterator[bpy.types.Scene]:
    own = bpy.data.scenes.new("NLF camera")
    try:
        own.camera = camera  # enough for Blender to evaluate it, even where it is hidden
        own.active_clip = scene.active_clip  # what a Camera Solver constraint may refer to
        own.render.fps, own.render.fps_base = scene.render.fps, scene.render.fps_base
        own.render.frame_map_old = scene.render.frame_map_old
        own.render.frame_map_new = scene.render.frame_map_new
        yield own
    finally:
        bpy.data.scenes.remove(own)


def _world_from_camera(matrix: Matrix, name: str, unit: float) -> Float64Array:
    """The rigid part of an object's matrix: Blender's cameras ignore scale as well; unit: metres in
    one of the scene's."""
    place, turn, size = matrix.decompose()
    if min(size) <= 0.0:
        raise UserError(
            "Camera not supported",
            f"{name} is mirrored or has no size: its scale is not above 0.",
            "Apply the scale of the camera and of its parents, or choose another camera.",
        )
    world = np.eye(4)
    world[:3, :3] = np.array(turn.to_matrix(), dtype=np.float64)
    world[:3, 3] = unit * np.array(place, dtype=np.float64)
    return world @ _CAMERA_FROM_CV


def _intrinsics(
    scene: bpy.types.Scene, data: bpy.types.Camera, width: int, height: int
) -> Float64Array:
    aspect_x, aspect_y = scene.render.pixel_aspect_x, scene.render.pixel_aspect_y
    fit: SensorFit = "AUTO" if data.sensor_fit == "AUTO" else "HORIZONTAL"
    sensor, shifts = data.sensor_width, (data.shift_x, data.shift_y)
    if data.sensor_fit == "VERTICAL":
        # the same camera, told by its width: `widths` of the picture fit into its height
        widths = height * aspect_y / (width * aspect_x)
        sensor = data.sensor_height / widths
        shifts = (data.shift_x * widths, data.shift_y * widths)
    camera = BlenderCamera(data.lens, sensor, fit, *shifts, aspect_x, aspect_y)
    return intrinsics_from_blender_camera(camera, width, height)
