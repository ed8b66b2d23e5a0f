# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that selects a marker, or drags it along the canonical body with its other side."""

from __future__ import annotations

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...scene.markers.marker_sets import marker_name, place_marker
from ...scene.markers.mirroring import counterpart
from ...scene.markers.positions import (
    canonical_position,
    marker_set_of,
    move_to,
    single_markers,
)
from ...scene.markers.raycast import closest_skin, pierce
from .active_set import select_only
from .place_modal import HeldButton
from .place_properties import ByRay
from .pointing import Mouse, marker_under, scale, seen_at, view_ray

DRAG_PIXELS = 3.0  # at scale 1; less is a click
UNDER_SKIN = 0.001  # metres; a marker that is deeper keeps its share of the way through the body


class NLF_OT_marker_drag(ByRay, HeldButton, bpy.types.Operator):
    """Select a marker, or drag it along the canonical body"""

    bl_idname = "nlf.marker_drag"
    bl_label = "Move Marker"

    marker: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin, if a marker is under the mouse."""
        if context.region_data is None:
            return self.execute(context)
        mouse = (float(event.mouse_region_x), float(event.mouse_region_y))
        obj = marker_under(context, context.region, context.region_data, mouse)
        collection = None if obj is None else marker_set_of(obj)
        if collection is None:
            return {"PASS_THROUGH"}
        body = collection.nlf_markers.body
        self.marker, self.mirror = obj.name, context.scene.nlf_marking.mirror
        self._obj, self._pressed, self._dragged = obj, mouse, False
        (seen,) = seen_at(context.region, context.region_data, [obj])
        self._off = (float(seen[0]) - mouse[0], float(seen[1]) - mouse[1])
        self._before = self._places(collection, obj)
        self._deep, share = self._depth(context, body, obj, self._marker_at(mouse))
        self.begin(context, body, share)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Follow the mouse until the button is released."""
        if event.type in {"ESC", "RIGHTMOUSE"} or context.region_data is None:
            self._put_back()
            self.end(context)
            return {"CANCELLED"}
        mouse = (float(event.mouse_region_x), float(event.mouse_region_y))
        moved = np.hypot(mouse[0] - self._pressed[0], mouse[1] - self._pressed[1])
        self._dragged |= self.turned_wheel(event) or moved > DRAG_PIXELS * scale(context)
        if self._dragged:
            self._follow(context, event, self._marker_at(mouse))
        if event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self.end(context)
            return self._finish(context)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Move it."""
        obj = bpy.data.objects.get(self.marker) or context.object
        collection = None if obj is None else marker_set_of(obj)
        if collection is None or obj.type != "EMPTY":
            self.report({"WARNING"}, "No marker is given, and none is active")
            return {"CANCELLED"}
        place = self.place(context, collection.nlf_markers.body)
        if place is None:
            return {"CANCELLED"}
        move_to(collection, obj, place, self.mirror)
        return {"FINISHED"}

    def _follow(self, context: bpy.types.Context, event: bpy.types.Event, mouse: Mouse) -> None:
        inside = event.alt or self._deep
        self.point(context, mouse, inside, event.ctrl)
        if self.pointed is not None:
            move_to(marker_set_of(self._obj), self._obj, self.pointed, self.mirror)

    def _finish(self, context: bpy.types.Context) -> set[str]:
        """A drag is an undo step of its own kind, and so is a click, which only selects."""
        collection = marker_set_of(self._obj)
        context.scene.nlf_marking.active = collection
        select_only(context, self._obj)
        if not self._dragged or self.pointed is None:
            bpy.ops.ed.undo_push(message="Select Marker")
            return {"CANCELLED"}
        self.position = self.pointed
        return self.execute(context)

    def _marker_at(self, mouse: Mouse) -> Mouse:
        """Where the marker is to be seen: as far beside the mouse as when the button went down."""
        return mouse[0] + self._off[0], mouse[1] + self._off[1]

    @staticmethod
    def _places(
        collection: bpy.types.Collection, obj: bpy.types.Object
    ) -> list[tuple[bpy.types.Object, Float64Array]]:
        """The marker and its counterpart, and where they are."""
        known = single_markers(collection)
        other = counterpart(marker_name(obj), known.keys())
        both = [obj] if other is None else [obj, known[other]]
        return [(o, canonical_position(o, collection.nlf_markers.body)) for o in both]

    @staticmethod
    def _depth(
        context: bpy.types.Context, body: bpy.types.Object, obj: bpy.types.Object, mouse: Mouse
    ) -> tuple[bool, float]:
        """Whether a marker is under the skin, and its share of the way through the body there."""
        graph, place = context.evaluated_depsgraph_get(), canonical_position(obj, body)
        skin = closest_skin(body, place, graph)
        ray = view_ray(context.region, context.region_data, mouse)
        pierced = pierce(body, *ray, graph)
        if skin is None or skin.depth < UNDER_SKIN or pierced is None:
            return False, 0.0 if pierced is None else pierced.share_of(place)
        return True, pierced.share_of(place)

    def _put_back(self) -> None:
        body = marker_set_of(self._obj).nlf_markers.body
        for obj, place in self._before:
            place_marker(obj, body, place)


CLASSES = (NLF_OT_marker_drag,)
