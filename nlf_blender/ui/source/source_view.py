# SPDX-License-Identifier: GPL-3.0-or-later
"""How the Source panel shows what is chosen."""

from __future__ import annotations

import bpy

from ...scene.source.shown_source import editor_strips, strips_property
from ...scene.source.source_files import IMAGE_SUFFIXES, is_movie
from .. import places
from .source_properties import CAMERA, CLIP, CLIP_LENS, CUSTOM, FILE, FOCAL, FOV, IMAGE, LENS, STRIP

MOVIE, SEQUENCE = "MOVIE", "SEQUENCE"


def draw_source(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Where the footage comes from, and which frames of it."""
    properties = scene.nlf
    layout.prop(properties, "source_kind")
    kind = properties.source_kind
    if kind == FILE:
        layout.prop(properties, "source", placeholder="choose a photo or a movie")
        if _is_image(properties.source):
            layout.prop(properties, "source_sequence")
    elif kind == CLIP:
        layout.prop(properties, "source_clip")
    elif kind == IMAGE:
        layout.prop(properties, "source_image")
    elif scene.sequence_editor is not None:
        strips = strips_property(scene)
        layout.prop_search(properties, "source_strip", scene.sequence_editor, strips)
    else:
        layout.label(text="The scene has no strips", icon="INFO")
    source = _source_type(scene)
    if source in (MOVIE, SEQUENCE):
        _draw_frames(layout, properties)
    if source == SEQUENCE:
        layout.prop(properties, "sequence_fps")


def _draw_frames(layout: bpy.types.UILayout, properties: bpy.types.PropertyGroup) -> None:
    column = layout.column(align=True)
    column.prop(properties, "frame_range")
    if properties.frame_range == CUSTOM:
        column.prop(properties, "first_frame")
        column.prop(properties, "last_frame")
    column.prop(properties, "frame_step")


def _is_image(path: str) -> bool:
    return places.absolute(path).suffix.lower() in IMAGE_SUFFIXES


def _source_type(scene: bpy.types.Scene) -> str:
    """MOVIE or SEQUENCE as Blender calls them, if the chosen source is one; else "", as of a photo,
    which has no frames to choose from. MOVIE without a file, for those that are added to the queue.
    """
    properties = scene.nlf
    if properties.source_kind == FILE:
        path = properties.source
        if not path or is_movie(places.absolute(path)):
            return MOVIE
        return "" if _is_image(path) and not properties.source_sequence else SEQUENCE
    if properties.source_kind == STRIP:
        strip = editor_strips(scene).get(properties.source_strip)
        kind = "" if strip is None else strip.type
        if kind == "IMAGE":
            return SEQUENCE if len(strip.elements) > 1 else ""
        return MOVIE if kind == "MOVIE" else ""
    block = properties.source_clip if properties.source_kind == CLIP else properties.source_image
    return "" if block is None or block.source not in (MOVIE, SEQUENCE) else block.source


def draw_camera(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """What saw it."""
    properties = scene.nlf
    layout.prop(properties, "camera")
    shown = {
        FOV: ("fov",),
        FOCAL: ("focal_px",),
        LENS: ("lens_mm", "sensor_mm"),
        CLIP_LENS: ("lens_clip",),
        CAMERA: ("solved_camera",),
    }
    for name in shown.get(properties.camera, ()):
        layout.prop(properties, name)
