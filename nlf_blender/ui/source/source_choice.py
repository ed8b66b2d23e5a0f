# SPDX-License-Identifier: GPL-3.0-or-later
"""The chosen source as the worker is told of it, and as the scene shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from ...errors import UserError
from ...protocol.clip_rate import exact_rate
from ...scene.footage.time_map import Placed
from ...scene.source.shown_source import Shown, shown_clip, shown_file, shown_image, shown_strip
from ...scene.source.source_files import first_image, is_movie, read_facts, sequence_numbers
from .. import places
from .source_properties import CAMERA, CLIP, CUSTOM, FILE, IMAGE, SCENE


@dataclass(frozen=True)
class Source:
    """What is localized. shown: the file, and how the scene shows it; footage: whether it is of
    many frames; first, last: indices into it (None: its first, its last); clock: above 0, they are
    by Blender's count of a video, which passes so many frames a second; fps: of a sequence."""

    shown: Shown
    footage: bool = False
    first: int | None = None
    last: int | None = None
    step: int = 1
    clock: float = 0.0
    fps: float | None = None

    @property
    def path(self) -> Path:
        """The photo or movie, or one image of a sequence."""
        return self.shown.path

    @property
    def sequence(self) -> bool:
        """Whether the path is an image of a sequence that is meant as a whole."""
        return self.shown.sequence

    def scene_frame(self, index: int) -> float:
        """When the scene shows an index."""
        return self.shown.zero + index / self.shown.pace

    def placed(self) -> Placed | None:
        """Where the scene shows it, None if nobody knows its rate. UserError if Blender cannot
        read it."""
        rate = self.fps or read_facts(self.path).fps
        return None if rate is None else Placed(self.shown.zero, exact_rate(rate), self.shown.pace)

    def frame_count(self) -> int:
        """How many frames it has, as far as Blender knows. UserError if it cannot read it."""
        if self.sequence:
            lowest, highest = sequence_numbers(self.path)
            return highest - lowest + 1
        return read_facts(self.path).frame_count


def chosen_source(scene: bpy.types.Scene) -> Source:
    """What is chosen in the Source panel. UserError if nothing is, or it is not there."""
    properties = scene.nlf
    kind = properties.source_kind
    if kind == FILE:
        path = places.absolute(properties.source) if properties.source else None
        return file_source(scene, path)
    if kind == CLIP:
        return _source(scene, shown_clip(properties.source_clip))
    if kind == IMAGE:
        folder = places.writable_folder(properties.takes_folder())
        return _source(scene, shown_image(properties.source_image, folder))
    return _source(scene, shown_strip(scene, properties.source_strip))


def file_source(scene: bpy.types.Scene, path: Path | None) -> Source:
    """A file, or a folder of images, with the scene's other settings. UserError."""
    if path is None:
        raise UserError("No source", "No file is chosen.", "Choose one under Source.")
    shown = Shown(path, scene.nlf.source_sequence and not is_movie(path))
    if path.is_dir():
        shown = Shown(first_image(path), sequence=True)
    if scene.nlf.camera == CAMERA:
        shown = shown_file(scene, scene.nlf.solved_camera or scene.camera, shown)
    return _source(scene, shown)


def _source(scene: bpy.types.Scene, shown: Shown) -> Source:
    if not shown.path.is_file():
        raise UserError(
            "No such file", f"{shown.path} is not a file.", "Choose the source again under Source."
        )
    if not shown.sequence and not is_movie(shown.path):
        return Source(shown)
    properties = scene.nlf
    fps = None
    if shown.sequence:
        sequence_numbers(shown.path)  # UserError if it is none
        fps = properties.sequence_fps or scene.render.fps / scene.render.fps_base
    first, last = _range(scene, shown)
    source = Source(shown, True, first, last, properties.frame_step, fps=fps)
    counted = first is not None or last is not None  # by the scene's frames, or the user's own
    if properties.frame_range == CUSTOM or shown.sequence or not counted:
        return source
    placed = source.placed()
    return source if placed is None else replace(source, clock=placed.rate)


def _range(scene: bpy.types.Scene, shown: Shown) -> tuple[int | None, int | None]:
    properties = scene.nlf
    first, last = shown.first, shown.last
    where = "The strip"
    if properties.frame_range == CUSTOM:
        first, last = properties.first_frame - 1, properties.last_frame - 1
        where = "The custom range"
    elif properties.frame_range == SCENE:
        start = math.ceil((scene.frame_start - shown.zero) * shown.pace - 1e-6)
        end = math.floor((scene.frame_end - shown.zero) * shown.pace + 1e-6)
        if shown.sequence:
            lowest, highest = sequence_numbers(shown.path)
            end = min(end, highest - lowest)
        first = max(start, shown.first or 0)
        last = end if shown.last is None else min(end, shown.last)
        where = "The scene's range"
    if last is not None and last < (first or 0):
        raise UserError(
            "No frames",
            f"{where} holds no frame of {shown.path.name}.",
            "Choose other frames under Source.",
        )
    return first or None, last
