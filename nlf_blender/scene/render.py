# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of an import: mesh and skeleton over the photo, and the people from another side."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ..body.arrays import Float64Array
from ..errors import UserError
from .evaluated import body_shape, skeleton_segments
from .import_options import ImportResult
from .materials import linear_color, person_color
from .person.armature import LEFT_COLOR, RIGHT_COLOR
from .person.posing import UP
from .person.shapes import Shape, ball, ground_lines, joined, rectangle, stick
from .stage import Stage, picture_size, read_pixels, stage, write_pixels

LONG_SIDE_PIXELS = 960
BODY_OPACITY = 0.65
STICK_RADIUS_METRES = 0.011
BALL_RADIUS = 1.8  # over a stick's
THINNEST_STICK_PIXELS = 3.0
STICK_GLOW = 0.5
MIDDLE_COLOR = "#f4f4f4"

TURNED_SIZE = (960, 720)
TURNED_LENS_MM = 50.0
TURNED_CLIP_METRES = 10000.0
FRAME_MARGIN = 1.15
TURN_RADIANS = np.radians(55.0)  # from the photo's camera, about the vertical
LOOK_DOWN_RADIANS = np.radians(14.0)
GROUND_COLOR = "#b9bcc2"
LINE_COLOR = "#8a8e97"


def render_overlay(
    scene: bpy.types.Scene, result: ImportResult, photo: Path, out_png: Path
) -> None:
    """Bodies, see-through, and skeletons over the photo, through the imported camera.

    Left limbs are blue, right ones orange. UserError if the photo cannot be read.
    """
    width, height = _overlay_size(photo)
    with stage(scene, width, height) as set_up:
        set_up.scene.render.pixel_aspect_x = scene.render.pixel_aspect_x
        set_up.scene.render.pixel_aspect_y = scene.render.pixel_aspect_y
        set_up.set_camera(result.camera.data.copy(), result.camera.matrix_world)
        bodies = [
            set_up.add_shape(body_shape(set_up.scene, person), person_color(index))
            for index, person in enumerate(result.people)
        ]
        body_picture = set_up.render(transparent=True)
        for obj in bodies:
            obj.hide_render = True
        _add_skeletons(set_up, result, width)
        skeleton_picture = set_up.render(transparent=True)
    picture = read_pixels(photo, (width, height))
    picture[..., 3] = 1.0
    picture = _over(picture, body_picture, BODY_OPACITY)
    write_pixels(out_png, _over(picture, skeleton_picture, 1.0))


def render_turned(scene: bpy.types.Scene, result: ImportResult, out_png: Path) -> None:
    """The bodies on the ground, seen from the photo's right side and from above."""
    with stage(scene, *TURNED_SIZE) as set_up:
        shapes = [body_shape(set_up.scene, person) for person in result.people]
        for index, shape in enumerate(shapes):
            set_up.add_shape(shape, person_color(index))
        vertices = np.concatenate([shape.vertices for shape in shapes])
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        center, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
        _add_ground(set_up, center, radius)
        _add_turned_camera(set_up, vertices, center)
        write_pixels(out_png, set_up.render(transparent=False))


def _overlay_size(photo: Path) -> tuple[int, int]:
    """The photo's size, shrunk to LONG_SIDE_PIXELS. UserError if Blender cannot read it."""
    try:
        width, height = picture_size(photo)
    except RuntimeError as error:
        raise UserError(
            "Photo not readable", f"Blender cannot read {photo}.", "Choose another photo."
        ) from error
    shrink = min(1.0, LONG_SIDE_PIXELS / max(width, height))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _over(
    below: NDArray[np.float32], above: NDArray[np.float32], opacity: float
) -> NDArray[np.float32]:
    """Pictures [H,W,4] laid over each other; the lower one is opaque."""
    share = opacity * above[..., 3:]
    result = below.copy()
    result[..., :3] += share * (above[..., :3] - below[..., :3])
    return result


def _add_skeletons(set_up: Stage, result: ImportResult, width: int) -> None:
    camera = result.camera
    focal_pixels = camera.data.lens / camera.data.sensor_width * width
    to_camera = np.array(camera.matrix_world.inverted())
    sides: dict[int, list[Shape]] = {-1: [], 0: [], 1: []}
    for person in result.people:
        segments = skeleton_segments(set_up.scene, person)
        middle = np.mean([segment.start for segment in segments], axis=0)
        depth = -(to_camera @ (*middle, 1.0))[2]
        radius = max(STICK_RADIUS_METRES, THINNEST_STICK_PIXELS / 2 * depth / focal_pixels)
        for segment in segments:
            sides[segment.side] += [
                stick(segment.start, segment.end, radius),
                ball(segment.end, BALL_RADIUS * radius),
            ]
    colors = {-1: RIGHT_COLOR, 0: MIDDLE_COLOR, 1: LEFT_COLOR}
    for side, shapes in sides.items():
        if shapes:
            set_up.add_shape(joined(shapes), linear_color(colors[side]), STICK_GLOW)


def _add_ground(set_up: Stage, center: Float64Array, radius: float) -> None:
    lines_reach, reach = max(3.0, 2 * radius), 40 * radius
    corner = np.array([center[0] - reach, center[1] - reach, 0.0])
    across, along = np.array([2 * reach, 0.0, 0.0]), np.array([0.0, 2 * reach, 0.0])
    set_up.add_shape(rectangle(corner, across, along), linear_color(GROUND_COLOR))
    set_up.add_shape(ground_lines(center[:2], lines_reach), linear_color(LINE_COLOR))


def _add_turned_camera(set_up: Stage, vertices: Float64Array, center: Float64Array) -> None:
    data = bpy.data.cameras.new("NLF picture")
    data.lens = TURNED_LENS_MM
    data.clip_end = TURNED_CLIP_METRES
    level = np.array([np.sin(TURN_RADIANS), -np.cos(TURN_RADIANS), 0.0])
    away = np.cos(LOOK_DOWN_RADIANS) * level + np.sin(LOOK_DOWN_RADIANS) * UP
    turn = Vector(-away).to_track_quat("-Z", "Y")
    camera = set_up.set_camera(data, turn.to_matrix().to_4x4())
    set_up.frame(camera, center + FRAME_MARGIN * (vertices - center))
