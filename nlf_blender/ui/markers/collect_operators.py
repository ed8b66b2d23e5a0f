# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that stand in a canonical body become markers, or are localized as they are."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.footage.objects import PART
from ...scene.markers.canonical_body import JOINTS, KIND, canonical_bodies
from ...scene.markers.marker_sets import marker_sets
from ...scene.markers.object_points import has_points
from .active_set import active_body, active_set, has_body, markers_of
from .set_operators import new_set


def _takeable(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected objects that can give markers: no bodies, no results of takes. A copy of a
    canonical body, or a part of it, can."""
    kept = _bodies_kept(context)
    return [
        obj
        for obj in context.selected_objects
        if has_points(obj) and obj not in kept and PART not in obj
    ]


def _bodies_kept(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The canonical bodies that are no copies: those with joints, those with markers; if there is
    none of them, all."""
    bodies = canonical_bodies(context.scene)
    used = [collection.nlf_markers.body for collection in marker_sets(context.scene)]
    return [b for b in bodies if b in used or any(JOINTS in c for c in b.children)] or bodies


def _take_over(context: bpy.types.Context, objects: list[bpy.types.Object]) -> bpy.types.Object:
    """Make copies of canonical bodies the artist's own objects. Returns the body they stand in."""
    kept, body = _bodies_kept(context), active_body(context)
    for obj in objects:
        for key in tuple(obj.keys()):
            if key.startswith(KIND):
                del obj[key]
    return body if body in kept else kept[-1]


def _search_groups(self: NLF_OT_markers_take, context: bpy.types.Context, text: str) -> list[str]:
    active = context.object
    groups = active.vertex_groups if active is not None and active.type == "MESH" else ()
    return [group.name for group in groups if text.lower() in group.name.lower()]


class NLF_OT_markers_take(bpy.types.Operator):
    """Take the selected objects as markers of the active set: an empty is one, meshes, curves and point clouds give one for each of their points. They stay where they are and may be changed later"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.markers_take"
    bl_label = "Use as Markers"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    vertex_group: bpy.props.StringProperty(
        name="Vertex Group",
        description="Only the vertices in this group of the meshes that have it; else all",
        search=_search_groups,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Something is selected that can give markers, and there is a canonical body."""
        if not has_body(cls, context):
            return False
        if not _takeable(context):
            cls.poll_message_set("Select empties, meshes, curves or point clouds")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the vertex group if the active mesh has any."""
        active = context.object
        if active in _takeable(context) and active.type == "MESH" and len(active.vertex_groups):
            return context.window_manager.invoke_props_dialog(self)
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Link them to the set, which is made if there is none."""
        chosen = self.vertex_group
        objects = _takeable(context)
        body = _take_over(context, objects)
        collection = active_set(context) or new_set(context, body)
        known = markers_of(collection)
        for obj in objects:
            own = obj.type == "MESH" and chosen in obj.vertex_groups
            obj.nlf_marker.vertex_group = chosen if own else ""
            if obj not in known:
                collection.objects.link(obj)
        self.report({"INFO"}, f"{len(objects)} taken into {collection.name}")
        return {"FINISHED"}


class NLF_OT_localize_as_mesh(bpy.types.Operator):
    """Localize the selected meshes vertex by vertex with the next jobs: whatever topology stands in the canonical body comes back in the pose of the person. Modifiers and scale count as applied"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.localize_as_mesh"
    bl_label = "Use as Mesh"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A mesh is selected that is no canonical body, and there is one."""
        if not has_body(cls, context):
            return False
        if not any(obj.type == "MESH" for obj in _takeable(context)):
            cls.poll_message_set("Select a mesh of your own that stands in the canonical body")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Mark them."""
        meshes = [obj for obj in _takeable(context) if obj.type == "MESH"]
        body = _take_over(context, meshes)
        for obj in meshes:
            obj.nlf_points.is_set = obj.nlf_points.localize = True
            obj.nlf_points.body = body
        return {"FINISHED"}


class NLF_OT_forget_object(bpy.types.Operator):
    """Do not localize this object any more; the object itself stays"""

    bl_idname = "nlf.forget_object"
    bl_label = "Do Not Localize"
    bl_options: ClassVar[set[str]] = {"INTERNAL", "UNDO"}

    name: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Take the mark off."""
        obj = context.scene.objects.get(self.name)
        if obj is None or not obj.nlf_points.is_set:
            return {"CANCELLED"}
        obj.nlf_points.is_set = False
        return {"FINISHED"}


CLASSES = (NLF_OT_markers_take, NLF_OT_localize_as_mesh, NLF_OT_forget_object)
