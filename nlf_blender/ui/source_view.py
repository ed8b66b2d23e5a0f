# SPDX-License-Identifier: GPL-3.0-or-later
"""How the Source panel shows what is chosen."""

from __future__ import annotations

import bpy

from ..scene.shown_source import strips_property
from ..scene.source_files import is_movie
from . import places
from .source_properties import (
    CAMERA,
    CLIP,
    CLIP_LENS,
    CUSTOM,
    FILE,
    FOCAL,
    FOV,
    IMAGE,
    LENS,
)


def draw_source(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Where the footage comes from, and which frames of it."""
    properties = scene.nlf
    layout.prop(properties, "source_kind")
    kind = properties.source_kind
    if kind == FILE:
        layout.prop(properties, "source", placeholder="choose a photo or a movie")
        if properties.source and not is_movie(places.absolute(properties.source)):
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
    column = layout.column(align=True)
    column.prop(properties, "frame_range")
    if properties.frame_range == CUSTOM:
        column.prop(properties, "first_frame")
        column.prop(properties, "last_frame")
    column.prop(properties, "frame_step")
    if properties.source_sequence or kind != FILE:
        layout.prop(properties, "sequence_fps")


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
