# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera that saw the source, with the photo behind the scene."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ..body.arrays import Float64Array
from ..body.conventions import BlenderCamera, blender_camera, blender_camera_matrix
from ..errors import UserError
from ..protocol.take import SourceInfo, TakeInfo
from .datablocks import NewDatablocks
from .take_people import Take

NEAREST_CLIP_METRES = 0.01
CLIP_FACTOR = 4.0  # the far clip plane over the farthest person


def camera_settings(info: TakeInfo, intrinsics: Float64Array | None = None) -> BlenderCamera:
    """What makes a Blender camera match the take's, or other intrinsics [3,3] for its source.
    UserError if none can."""
    source = info.source
    try:
        matrix = info.camera.matrix() if intrinsics is None else intrinsics
        return blender_camera(matrix, source.width, source.height)
    except ValueError as error:
        raise UserError(
            "Camera not supported",
            f"Blender has no camera like the take's: {error}.",
            "Localize the source again with a plain camera.",
        ) from error


def level_camera(height: float) -> Float64Array:
    """The object matrix [4,4] of a level camera that looks along +y from this height, metres."""
    matrix = blender_camera_matrix()
    matrix[2, 3] = height
    return matrix


def make_camera(
    new: NewDatablocks, name: str, settings: BlenderCamera, matrix: Float64Array, farthest: float
) -> bpy.types.Object:
    """A camera with this object matrix [4,4]; farthest: how far people get from it, metres."""
    data = new.add(bpy.data.cameras.new(name))
    data.sensor_fit = settings.sensor_fit
    data.sensor_width = settings.sensor_width_mm
    data.lens = settings.lens_mm
    data.shift_x = settings.shift_x
    data.shift_y = settings.shift_y
    data.clip_start = NEAREST_CLIP_METRES
    data.clip_end = max(data.clip_end, CLIP_FACTOR * farthest)
    camera = new.add(bpy.data.objects.new(name, data))
    camera.matrix_world = Matrix(matrix)
    return camera


def photo_path(take: Take) -> Path:
    """The picture to show behind the scene: the take's own copy if it has one."""
    if take.info.source.display:
        return take.folder / take.info.source.display
    return Path(take.info.source.path)


def add_background(
    new: NewDatablocks, camera: bpy.types.Object, take: Take, notes: list[str]
) -> None:
    """Show the photo behind the scene; a note instead if it is gone or Blender cannot read it."""
    path = photo_path(take)
    if not path.is_file():
        notes.append(f"The photo {path} is not there any more: the camera has no background.")
        return
    image = new.add(bpy.data.images.load(str(path), check_existing=False))
    size = (take.info.source.width, take.info.source.height)
    if not np.array_equal(image.size, size):
        found = f"{image.size[0]}x{image.size[1]}"
        new.discard(image)
        notes.append(
            f"The photo {path} is {found} pixels now, not {size[0]}x{size[1]}:"
            " the camera has no background."
        )
        return
    set_background(camera, image)


def set_background(
    camera: bpy.types.Object, image: bpy.types.Image
) -> bpy.types.CameraBackgroundImage:
    """Show an image behind the scene, over the camera's whole frame."""
    background = camera.data.background_images.new()
    background.image = image
    background.alpha = 1.0
    background.display_depth = "BACK"
    background.frame_method = "STRETCH"
    camera.data.show_background_images = True
    return background


def set_render(scene: bpy.types.Scene, source: SourceInfo, settings: BlenderCamera) -> None:
    """Render at the source's size, without which the camera's frame is not the source's."""
    render = scene.render
    render.resolution_x = source.width
    render.resolution_y = source.height
    render.resolution_percentage = 100
    render.pixel_aspect_x = settings.pixel_aspect_x
    render.pixel_aspect_y = settings.pixel_aspect_y
