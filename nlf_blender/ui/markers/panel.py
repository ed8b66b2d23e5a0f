# SPDX-License-Identifier: GPL-3.0-or-later
"""The Markers panel: the active marker set and the list of its markers."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.markers.marker_sets import marker_sets
from ..drawing import draw_text
from ..jobs.job_view import draw_problem
from ..jobs.runtime import RUNTIME
from .active_set import active_body, active_set, markers_of
from .canonical_work import CANONICAL

NO_BODY = "Markers stand on a canonical body. Add it, or begin with a preset or a file."
NO_SET = "Click on the body with the tool NLF Marker, or begin with a preset or a file."


class MarkersPanel:
    """What the panels of markers have in common: children of the panel Markers."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "NLF"


class NLF_MT_marker_sets(bpy.types.Menu):
    """Choose the marker set to work on"""

    bl_label = "Marker Sets"

    def draw(self, context: bpy.types.Context) -> None:
        """The sets of the scene."""
        for collection in marker_sets(context.scene):
            operator = self.layout.operator(
                "nlf.marker_set_choose", text=collection.name, icon="OUTLINER_COLLECTION"
            )
            operator.name = collection.name


class NLF_UL_markers(bpy.types.UIList):
    """The markers of a set."""

    bl_idname = "NLF_UL_markers"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.Collection,
        item: bpy.types.Object,
        icon: int,
        active_data: bpy.types.PropertyGroup,
        active_property: str,
        index: int = 0,
    ) -> None:
        """One marker: colour, name, group."""
        row = layout.row(align=True)
        color = row.row()
        color.ui_units_x = 1.0
        color.prop(item, "color", text="")
        if item.nlf_marker.name:
            row.prop(item.nlf_marker, "name", text="", emboss=False)
        else:
            row.prop(item, "name", text="", emboss=False)
        group = row.row()
        group.active = False
        group.prop(item.nlf_marker, "group", text="", emboss=False, placeholder="group")

    def filter_items(
        self, context: bpy.types.Context, data: bpy.types.Collection, propname: str
    ) -> tuple[list[int], list[int]]:
        """Keep markers, and of them those whose name or group holds the text looked for."""
        wanted = self.filter_name.lower()
        kept = set(markers_of(data))
        return [
            self.bitflag_filter_item if obj in kept and _matches(obj, wanted) else 0
            for obj in data.objects
        ], []


def _matches(obj: bpy.types.Object, wanted: str) -> bool:
    return wanted in (obj.nlf_marker.name or obj.name).lower() or (
        wanted in obj.nlf_marker.group.lower()
    )


class NLF_PT_markers(MarkersPanel, bpy.types.Panel):
    """The active marker set and its markers."""

    bl_label = "Markers"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, collection = self.layout, active_set(context)
        if RUNTIME.canonical.running:
            layout.label(text="Making the canonical body", icon="TIME")
        draw_problem(layout, context, CANONICAL)
        if active_body(context) is None:
            draw_text(layout, context, NO_BODY, icon="INFO")
            layout.operator("mesh.nlf_canonical_body_add", icon="ADD")
            return
        if collection is None:
            draw_text(layout, context, NO_SET, icon="INFO")
        draw_set_choice(layout, collection)
        if collection is None:
            return
        row = layout.row()
        row.template_list(
            "NLF_UL_markers", "", collection, "objects", collection.nlf_markers, "index", rows=4
        )
        column = row.column(align=True)
        column.operator("nlf.marker_move", text="", icon="TRIA_UP").up = True
        column.operator("nlf.marker_move", text="", icon="TRIA_DOWN").up = False
        column.separator()
        column.operator("nlf.markers_group", text="", icon="GROUP")
        column.prop(context.scene.nlf_marking, "labels", text="", icon="FONT_DATA")


def draw_set_choice(layout: bpy.types.UILayout, collection: bpy.types.Collection | None) -> None:
    """Draw which set is active, and what makes and removes one."""
    row = layout.row(align=True)
    if collection is None:
        row.operator("nlf.marker_set_new", icon="ADD")
        return
    row.menu("NLF_MT_marker_sets", text="", icon="DOWNARROW_HLT")
    row.prop(collection, "name", text="")
    row.operator("nlf.marker_set_new", text="", icon="ADD")
    row.operator("nlf.marker_set_duplicate", text="", icon="DUPLICATE")
    row.operator("nlf.marker_set_remove", text="", icon="TRASH")


CLASSES = (NLF_MT_marker_sets, NLF_UL_markers, NLF_PT_markers)
