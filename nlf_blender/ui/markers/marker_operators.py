# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the markers of the active set: left and right alike, groups and their colours."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.markers.marker_empty import COLOR
from ...scene.markers.positions import symmetrize
from .active_set import active_set, markers_of

SIDES = (
    ("LEFT", "Left to Right", "The markers of the body's left are mirrored to its right"),
    ("RIGHT", "Right to Left", "The markers of the body's right are mirrored to its left"),
)


class NLF_OT_markers_symmetrize(bpy.types.Operator):
    """Mirror the markers of one side of the body to the other, where those that are missing are made. Markers near the middle go onto it"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.markers_symmetrize"
    bl_label = "Mirror Markers"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    side: bpy.props.EnumProperty(name="Direction", items=SIDES)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a set with a canonical body, in object mode."""
        collection = active_set(context)
        there = collection is not None and collection.nlf_markers.body is not None
        return there and context.mode == "OBJECT"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Mirror them."""
        placed = symmetrize(active_set(context), self.side == "LEFT")
        self.report({"INFO"}, f"{placed} markers mirrored")
        return {"FINISHED"}


class NLF_OT_markers_group(bpy.types.Operator):
    """Put the selected markers into a group, and give all of the group one colour"""

    bl_idname = "nlf.markers_group"
    bl_label = "Group Selected Markers"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    group: bpy.props.StringProperty(name="Group", description="Empty: none")
    color: bpy.props.FloatVectorProperty(
        name="Colour", subtype="COLOR", size=3, min=0.0, max=1.0, default=COLOR
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Markers of the active set are selected."""
        if context.mode != "OBJECT" or not selected_markers(context):
            cls.poll_message_set("Select markers of the set")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask, beginning with what the first of them is."""
        first = selected_markers(context)[0]
        self.group, self.color = first.nlf_marker.group, first.color[:3]
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Group and colour them, with those that are in the group already."""
        chosen = selected_markers(context)
        group = self.group.strip()
        for obj in markers_of(active_set(context)):
            if obj in chosen:
                obj.nlf_marker.group = group
            if obj in chosen or (group and obj.nlf_marker.group == group):
                obj.color = (*self.color, 1.0)
        return {"FINISHED"}


def selected_markers(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The markers of the active set that are selected."""
    collection = active_set(context)
    return [] if collection is None else [o for o in markers_of(collection) if o.select_get()]


CLASSES = (NLF_OT_markers_symmetrize, NLF_OT_markers_group)
