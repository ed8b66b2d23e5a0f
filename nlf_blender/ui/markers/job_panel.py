# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels of markers: files and objects that become sets, localizing them, results."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...bridge.task import POINTS
from ...scene.markers.gaps import stored_gaps
from ...scene.markers.point_sets import owners
from ..drawing import draw_text
from ..jobs.job_view import draw_job, draw_problem
from .job_sets import draw_owners
from .job_take import markers_take, points_under_way, sets_of
from .panel import MarkersPanel
from .result_operators import gaps_root

NOTHING = "Nothing to localize yet: place markers, or use a mesh or a rig."
NO_TAKE = (
    "What is checked is localized with the next Localize. For a take that is there, select one of"
    " its people or its camera."
)


class NLF_PT_marker_sources(MarkersPanel, bpy.types.Panel):
    """Where markers come from."""

    bl_label = "Presets, Files, Objects"
    bl_parent_id = "NLF_PT_markers"
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        layout.menu("NLF_MT_marker_presets", icon="PRESET")
        row = layout.row(align=True)
        row.operator("nlf.marker_set_load", text="Load", icon="IMPORT")
        row.operator("nlf.marker_set_save", text="Save", icon="EXPORT")
        column = layout.column(align=True)
        column.label(text="Use Selected Objects As")
        row = column.row(align=True)
        row.operator("nlf.markers_take", text="Markers", icon="EMPTY_DATA")
        row.operator("nlf.localize_as_mesh", text="Mesh", icon="MESH_DATA")


class NLF_PT_marker_job(MarkersPanel, bpy.types.Panel):
    """Markers in the active take."""

    bl_label = "Localize in Take"
    bl_parent_id = "NLF_PT_markers"
    bl_order = 3

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, take = self.layout, markers_take(context)
        draw_owners(layout, context.scene)
        if not draw_job(layout, context, POINTS):
            _draw_start(layout, context, take)
        draw_problem(layout, context, POINTS)
        if take is not None:
            _draw_sets(layout, take)
        _draw_gaps(layout, context)


def _draw_start(layout: bpy.types.UILayout, context: bpy.types.Context, take: Path | None) -> None:
    """What begins the job, or what is missing for it."""
    if not owners(context.scene):
        draw_text(layout, context, NOTHING, icon="INFO")
    elif take is None:
        draw_text(layout, context, NO_TAKE, icon="INFO")
    else:
        text = f"Localize in {take.stem}"
        layout.operator("nlf.localize_markers", text=text, icon="PLAY", translate=False)
        if points_under_way(take) is not None:
            draw_text(layout, context, "Waits in the queue", icon="TIME")


def _draw_sets(layout: bpy.types.UILayout, take: Path) -> None:
    """What the take has."""
    found = sets_of(take)
    column = layout.column(align=True)
    for info in found.values():
        row = column.row(align=True)
        row.label(text=f"{info.name}: {info.count} points", icon="CHECKMARK", translate=False)
        row.operator("nlf.remove_take_set", text="", icon="X", emboss=False).name = info.name


def _draw_gaps(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """How gaps of the active person's markers are shown."""
    root = gaps_root(context.object)
    if root is None:
        return
    gaps, _ = stored_gaps(root)
    column = layout.column(align=True)
    column.label(text="Unsure Markers")
    row = column.row(align=True)
    shown = f"Limit {gaps.threshold:.2f} m"
    row.operator("nlf.marker_gaps", text=shown, icon="HIDE_ON", translate=False)
    filled = row.operator(
        "nlf.marker_gaps", text="Fill Gaps", icon="SNAP_MIDPOINT", depress=gaps.fill
    )
    filled.fill_gaps = not gaps.fill


CLASSES = (NLF_PT_marker_sources, NLF_PT_marker_job)
