# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for marker sets and the order of their markers."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.datablocks import NewDatablocks
from ...scene.markers.canonical_body import canonical_kind
from ...scene.markers.marker_sets import is_marker_set, make_marker_set
from .active_set import active_body, active_set, has_body, markers_of, select_only

NEW_SET = "Markers"


def new_set(
    context: bpy.types.Context, body: bpy.types.Object, name: str = NEW_SET
) -> bpy.types.Collection:
    """An empty marker set on a canonical body, in the scene, and the active one."""
    collection = make_marker_set(NewDatablocks(), name, body)
    context.scene.collection.children.link(collection)
    context.scene.nlf_marking.active = collection
    return collection


class _OfActiveSet:
    """Operators that need a marker set."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a set, in object mode."""
        return context.mode == "OBJECT" and active_set(context) is not None


class NLF_OT_marker_set_new(bpy.types.Operator):
    """Add an empty marker set on the canonical body"""

    bl_idname = "nlf.marker_set_new"
    bl_label = "New Marker Set"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a canonical body, in object mode."""
        return has_body(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it."""
        body = active_body(context)
        assert body is not None  # poll says so
        new_set(context, body)
        return {"FINISHED"}


class NLF_OT_marker_set_choose(bpy.types.Operator):
    """Work on this marker set"""

    bl_idname = "nlf.marker_set_choose"
    bl_label = "Choose Marker Set"
    bl_options: ClassVar[set[str]] = {"INTERNAL", "UNDO"}

    name: bpy.props.StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make it the active one."""
        collection = bpy.data.collections.get(self.name)
        if not is_marker_set(collection):
            return {"CANCELLED"}
        context.scene.nlf_marking.active = collection
        return {"FINISHED"}


class NLF_OT_marker_set_duplicate(_OfActiveSet, bpy.types.Operator):
    """Copy the marker set with all of its markers"""

    bl_idname = "nlf.marker_set_duplicate"
    bl_label = "Duplicate Marker Set"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Copy it."""
        old = active_set(context)
        copied = new_set(context, old.nlf_markers.body, old.name)
        for name in ("description", "color", "force"):
            setattr(copied.nlf_markers, name, getattr(old.nlf_markers, name))
        for obj in markers_of(old):
            copied.objects.link(obj.copy())
        return {"FINISHED"}


class NLF_OT_marker_set_remove(_OfActiveSet, bpy.types.Operator):
    """Remove the marker set with its empties; meshes and other objects in it are kept"""

    bl_idname = "nlf.marker_set_remove"
    bl_label = "Remove Marker Set"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove it."""
        collection = active_set(context)
        kept = [obj for obj in collection.objects if obj.type != "EMPTY" or canonical_kind(obj)]
        for obj in kept:
            if len(obj.users_collection) == 1:
                context.scene.collection.objects.link(obj)
        empties = [obj for obj in collection.objects if obj not in kept]
        bpy.data.batch_remove([*empties, collection])
        return {"FINISHED"}


class NLF_OT_marker_move(_OfActiveSet, bpy.types.Operator):
    """Move the active marker up or down in the list"""

    bl_idname = "nlf.marker_move"
    bl_label = "Move Marker"

    up: bpy.props.BoolProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Exchange it with its neighbour: collections keep the order in which objects came."""
        collection, active = active_set(context), context.object
        markers = markers_of(collection)
        if active not in markers:
            return {"CANCELLED"}
        at = markers.index(active)
        other = at - 1 if self.up else at + 1
        if not 0 <= other < len(markers):
            return {"CANCELLED"}
        markers[at], markers[other] = markers[other], markers[at]
        reorder(context, collection, markers)
        select_only(context, active)
        return {"FINISHED"}


def reorder(
    context: bpy.types.Context, collection: bpy.types.Collection, markers: list[bpy.types.Object]
) -> None:
    """Let the objects of a set come in this order, those that give no markers first."""
    layer = context.view_layer
    shown = [obj for obj in markers if obj.name in layer.objects]
    hidden = [obj for obj in shown if obj.hide_get(view_layer=layer)]
    selected = [obj for obj in shown if obj.select_get(view_layer=layer)]
    for obj in markers:
        collection.objects.unlink(obj)
    for obj in markers:
        collection.objects.link(obj)
    for obj in hidden:
        obj.hide_set(True, view_layer=layer)
    for obj in selected:
        obj.select_set(True, view_layer=layer)


CLASSES = (
    NLF_OT_marker_set_new,
    NLF_OT_marker_set_choose,
    NLF_OT_marker_set_duplicate,
    NLF_OT_marker_set_remove,
    NLF_OT_marker_move,
)
