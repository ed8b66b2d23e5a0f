# SPDX-License-Identifier: GPL-3.0-or-later
"""The chosen camera as the worker is told of it."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...errors import UserError
from ...protocol.cameras import CameraMotion, write_cameras
from ...scene.footage.clip_lens import Coefficients, clip_lens
from ...scene.footage.solved_camera import (
    SourceFrames,
    camera_intrinsics,
    check_camera,
    sample_camera,
    solved_clip,
)
from ...scene.source.source_files import read_facts
from .. import places
from .source_choice import Source
from .source_properties import CAMERA, CLIP_LENS, FOCAL, FOV, LENS

CAMERAS_FILE = "cameras.npz"
SPARE_FRAMES = 100  # past the end as Blender counts it: the worker may count more of them


@dataclass(frozen=True)
class Lens:
    """What of LocalizeSettings the camera decides. size: of the pictures as Blender sees them;
    solved: the camera of the scene that moves; seen_by: that which saw a photo."""

    fov_degrees: float | None = None
    focal_px: float | None = None
    intrinsics: tuple[float, ...] = ()
    size: tuple[int, ...] = ()
    distortion: Coefficients = ()
    solved: bpy.types.Object | None = None
    seen_by: bpy.types.Object | None = None


def chosen_lens(scene: bpy.types.Scene, source: Source) -> Lens:
    """What is chosen under Camera for this source. UserError if it cannot have seen it."""
    properties = scene.nlf
    if properties.camera == FOV:
        return Lens(fov_degrees=math.degrees(properties.fov))
    if properties.camera == FOCAL:
        return Lens(focal_px=properties.focal_px)
    if properties.camera == LENS:
        # Blender's own way where Sensor Fit is Auto: the sensor's size is the larger side's
        angle = 2 * math.atan(properties.sensor_mm / 2 / properties.lens_mm)
        return Lens(fov_degrees=math.degrees(angle))
    if properties.camera == CLIP_LENS:
        return _clip(properties.lens_clip or source.shown.clip, source)
    if properties.camera == CAMERA:
        return _camera(scene, properties.solved_camera or scene.camera, source)
    return Lens()


def _clip(clip: bpy.types.MovieClip | None, source: Source) -> Lens:
    if clip is None:
        raise UserError(
            "No clip",
            "The camera shall be a movie clip's, and none is chosen.",
            "Choose one under Camera, or another kind of camera.",
        )
    lens = clip_lens(clip)
    if clip != source.shown.clip:
        facts = read_facts(source.path)
        if tuple(clip.size) != (facts.width, facts.height):
            raise UserError(
                "Other size",
                f"The clip {clip.name} has {clip.size[0]}x{clip.size[1]} pixels, the source"
                f" {facts.width}x{facts.height}.",
                "Choose a clip of the same footage under Camera.",
            )
    numbers = tuple(float(value) for value in lens.intrinsics.ravel())
    return Lens(intrinsics=numbers, size=tuple(clip.size), distortion=lens.distortion)


def _camera(scene: bpy.types.Scene, camera: bpy.types.Object | None, source: Source) -> Lens:
    if camera is None:
        raise UserError(
            "No camera",
            "The scene has no camera, and none is chosen.",
            "Choose one under Camera, or another kind of camera.",
        )
    facts = read_facts(source.path)
    clip = solved_clip(scene, camera)
    distortion = clip_lens(clip).distortion if clip else ()
    if source.footage:
        check_camera(scene, camera, facts.width, facts.height)
        return Lens(size=(facts.width, facts.height), distortion=distortion, solved=camera)
    matrix = camera_intrinsics(scene, camera, facts.width, facts.height)
    numbers = tuple(float(value) for value in matrix.ravel())
    size = (facts.width, facts.height)
    return Lens(intrinsics=numbers, size=size, distortion=distortion, seen_by=camera)


def write_solved(
    scene: bpy.types.Scene, camera: bpy.types.Object, source: Source, folder: Path
) -> Iterator[None]:
    """Write where a camera was in every frame of a source to CAMERAS_FILE in this folder, a bounded
    piece at a step. UserError.

    Of a video only the worker knows which picture Blender shows when, so Blender's frames are
    written, and all of them unless the range is one of these.
    """
    facts = read_facts(source.path)
    placed = None if source.sequence else source.placed()
    if placed is None:
        end = source.frame_count() + SPARE_FRAMES if source.last is None else source.last + 1
        indices = range(source.first or 0, end, source.step)
    else:
        first = (source.first or 0) if source.clock else 0
        last = source.last if source.clock else None
        end = source.frame_count() if last is None else last + 1
        indices = range(max(first - SPARE_FRAMES, 0), end + SPARE_FRAMES)
    moments = [source.scene_frame(index) for index in indices]
    clock = 0.0 if placed is None else placed.rate
    frames = SourceFrames(indices, moments, facts.width, facts.height, clock)
    return _written(sample_camera(scene, camera, frames), folder)


def _written(sampling: Generator[None, None, CameraMotion], folder: Path) -> Iterator[None]:
    motion = yield from sampling
    try:
        write_cameras(folder / CAMERAS_FILE, motion)
    except OSError as error:
        raise places.not_handed_over("camera", error) from error
