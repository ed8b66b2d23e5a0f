# SPDX-License-Identifier: GPL-3.0-or-later
"""The Motion panel: how the active take is cleaned up, and how hand-made keys survive that."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...bridge.task import BOXES, SOLVE
from ..jobs.job_view import draw_problem
from .active_take import active_take
from .solve_requests import REQUESTS
from .take_view import TakePanel, draw_hindrance, draw_no_take, solving
from .update_options import update_range

SWITCHES = ("reject_outliers", "repair_flips", "hold_feet", "share_shape", "points")


class NLF_PT_motion(TakePanel, bpy.types.Panel):
    """How motion is cleaned up."""

    bl_label = "Motion"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, take = self.layout, active_take(context)
        if take is None:
            draw_no_take(layout, context)
            return
        view = context.window_manager.nlf_take
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(view, "smoothing", slider=True)
        for name in SWITCHES:
            column.prop(view, name)
        column.prop(view, "ground")
        column.prop(view, "gap_seconds")
        row = layout.row(align=True)
        row.prop(view, "live", toggle=True, icon="PLAY")
        button = row.row(align=True)
        button.alert = REQUESTS.changed(take.folder) and not view.live
        text = "Solving" if solving(take) else "Solve"
        button.operator("nlf.solve", text=text, icon="FILE_REFRESH")
        draw_hindrance(layout, context, take)
        for command in (SOLVE, BOXES):
            draw_problem(layout, context, command)


class NLF_PT_layers(TakePanel, bpy.types.Panel):
    """Keys made by hand, over and beside the solved ones."""

    bl_label = "Hand-Made Keys"
    bl_parent_id = "NLF_PT_motion"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, view = self.layout, context.window_manager.nlf_take
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(view, "keep_keys")
        layout.prop(view, "in_range")
        limits = update_range(context.scene)
        if view.in_range:
            layout.label(text=f"Frames {limits[0]} to {limits[1]}", icon="PREVIEW_RANGE")
        column = layout.column()
        column.enabled = view.keep_keys or view.in_range
        column.prop(view, "blend")
        layout.operator("nlf.add_layer", icon="NLA_PUSHDOWN")


CLASSES = (NLF_PT_motion, NLF_PT_layers)
