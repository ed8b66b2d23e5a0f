# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels of the active marker, and of what is left and right in the set."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.markers.positions import mirror_state
from ..drawing import draw_text
from .active_set import active_set, markers_of
from .marker_operators import SIDES
from .panel import MarkersPanel

MOST_NAMED = 6  # pairs and markers that a panel lists


class NLF_PT_marker(MarkersPanel, bpy.types.Panel):
    """The active marker: name, group, numbers."""

    bl_label = "Marker"
    bl_parent_id = "NLF_PT_markers"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The active object is a marker of the active set."""
        collection = active_set(context)
        return collection is not None and context.object in markers_of(collection)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, obj = self.layout, context.object
        layout.use_property_split = True
        layout.use_property_decorate = False
        marker = obj.nlf_marker
        for name in ("name", "group"):
            layout.prop(marker, name)
        layout.prop(obj, "color", text="Colour")
        if obj.type == "MESH":
            layout.prop_search(marker, "vertex_group", obj, "vertex_groups")
        if obj.type == "EMPTY":
            layout.prop(marker, "position")
            layout.prop(marker, "depth")
            layout.prop(context.scene.nlf_marking, "mirror")
        layout.prop(marker, "place")


class NLF_PT_marker_sides(MarkersPanel, bpy.types.Panel):
    """What is not the same on the left and on the right."""

    bl_label = "Left and Right"
    bl_parent_id = "NLF_PT_markers"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a set with a canonical body."""
        collection = active_set(context)
        return collection is not None and collection.nlf_markers.body is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, report = self.layout, mirror_state(active_set(context))
        if not report.lonely and not report.off:
            layout.label(text="Both sides are the same", icon="CHECKMARK")
        if report.lonely:
            names = ", ".join(report.lonely[:MOST_NAMED])
            more = "" if len(report.lonely) <= MOST_NAMED else ", ..."
            draw_text(layout, context, f"Without other side: {names}{more}", icon="INFO")
        for pair in report.off[:MOST_NAMED]:
            text = f"{pair.name}, {pair.other}: {1e3 * pair.distance:.1f} mm off"
            draw_text(layout, context, text, icon="INFO")
        row = layout.row(align=True)
        for side, name, _ in SIDES:
            row.operator("nlf.markers_symmetrize", text=name, icon="MOD_MIRROR").side = side


CLASSES = (NLF_PT_marker, NLF_PT_marker_sides)
