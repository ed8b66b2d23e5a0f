# SPDX-License-Identifier: GPL-3.0-or-later
"""The marker tool in the toolbar of the 3D View."""

from __future__ import annotations

from typing import ClassVar

import bpy
from gpu_extras.presets import draw_circle_2d

from .pointing import MARKER_PIXELS, marker_under, scale, seen_at

_PRESS: dict[str, object] = {"type": "LEFTMOUSE", "value": "PRESS"}
_MODIFIERS = ({}, {"alt": True}, {"ctrl": True}, {"alt": True, "ctrl": True})
HIGHLIGHT = (1.0, 1.0, 1.0, 1.0)


class NLF_WST_marker(bpy.types.WorkSpaceTool):
    """Places markers on the canonical body."""

    bl_space_type = "VIEW_3D"
    bl_context_mode = "OBJECT"
    bl_idname = "nlf.marker_tool"
    bl_label = "NLF Marker"
    bl_description = (
        "Place markers on the canonical body.\n"
        "Click: on the surface. Alt click: inside, the wheel changes the depth. Ctrl: snap to "
        "joints, middles of bones and vertices.\n"
        "Drag a marker along the surface, click it to select it"
    )
    bl_icon = "ops.paint.eyedropper_add"
    bl_cursor = "CROSSHAIR"
    bl_options: ClassVar[set[str]] = {"KEYMAP_FALLBACK"}
    # each passes on what is not for it: a press that is not on a marker, or on one, or on no body
    bl_keymap = tuple(
        (operator, {**_PRESS, **modifiers}, None)
        for modifiers in _MODIFIERS
        for operator in ("nlf.marker_drag", "nlf.marker_place")
    )

    def draw_settings(
        context: bpy.types.Context, layout: bpy.types.UILayout, tool: bpy.types.WorkSpaceTool
    ) -> None:
        """What the header shows of the tool."""
        marking = context.scene.nlf_marking
        for name in ("name", "group", "mirror", "inside", "labels"):
            layout.prop(marking, name)

    def draw_cursor(
        context: bpy.types.Context, tool: bpy.types.WorkSpaceTool, xy: tuple[int, int]
    ) -> None:
        """Ring the marker under the mouse, of which a press would take hold."""
        region, view = context.region, context.region_data
        if region is None or view is None:
            return
        mouse = (float(xy[0] - region.x), float(xy[1] - region.y))
        obj = marker_under(context, region, view, mouse)
        if obj is not None:
            (seen,) = seen_at(region, view, [obj])
            place = (float(seen[0]) + region.x, float(seen[1]) + region.y)
            draw_circle_2d(place, HIGHLIGHT, MARKER_PIXELS * scale(context), segments=24)


def register() -> None:
    """Put it at the end of the toolbar."""
    bpy.utils.register_tool(NLF_WST_marker, separator=True)


def unregister() -> None:
    """Take it away, and out of the hand: Blender would go on to draw its cursor."""
    for window in bpy.context.window_manager.windows:
        with bpy.context.temp_override(window=window):
            held = bpy.context.workspace.tools.from_space_view3d_mode(bpy.context.mode)
            if held is not None and held.idname == NLF_WST_marker.bl_idname:
                bpy.ops.wm.tool_set_by_id(name="builtin.select_box", space_type="VIEW_3D")
    bpy.utils.unregister_tool(NLF_WST_marker)
