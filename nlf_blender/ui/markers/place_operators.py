# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that places a marker on or in a canonical body, by the mouse or by a ray."""

from __future__ import annotations

import bpy

from ...scene.markers.marker_sets import marker_sets
from ...scene.markers.positions import add_at
from .active_set import active_body, active_set, select_only
from .place_modal import HeldButton
from .place_properties import ByRay
from .pointing import body_under, marker_under, view_ray
from .set_operators import new_set


class NLF_OT_marker_place(ByRay, HeldButton, bpy.types.Operator):
    """Place a marker where the mouse points at the canonical body"""

    bl_idname = "nlf.marker_place"
    bl_label = "Place Marker"

    name: bpy.props.StringProperty(
        name="Name", description="Of the marker, numbered if it is taken", options={"SKIP_SAVE"}
    )
    body: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin, if a canonical body is under the mouse."""
        if context.region_data is None:
            return self.execute(context)
        mouse = (float(event.mouse_region_x), float(event.mouse_region_y))
        view = (context.region, context.region_data)
        found = body_under(context, view_ray(*view, mouse))
        # keymaps of users and of add-ons have items in other orders, so a marker is left to the
        # other operator wherever that comes
        if found is None or marker_under(context, *view, mouse) is not None:
            return {"PASS_THROUGH"}
        marking = context.scene.nlf_marking
        self.body, self.name, self.mirror = found[0].name, marking.name, marking.mirror
        self.begin(context, found[0], self.share)
        return self.modal(context, event)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Follow the mouse until the button is released."""
        if event.type in {"ESC", "RIGHTMOUSE"} or context.region_data is None:
            self.end(context)
            return {"CANCELLED"}
        self.turned_wheel(event)
        mouse = (float(event.mouse_region_x), float(event.mouse_region_y))
        inside = event.alt or self.inside or context.scene.nlf_marking.inside
        self.point(context, mouse, inside, event.ctrl)
        if event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self.end(context)
            self.position = self.pointed
            return self.execute(context)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Place it, in a set of the body, which is made if there is none."""
        body = bpy.data.objects.get(self.body) or active_body(context)
        place = self.place(context, body)
        if place is None:
            return {"CANCELLED"}
        collection = set_on(context, body)
        marking = context.scene.nlf_marking
        name = self.name.strip() or marking.name.strip() or "marker"
        made = add_at(collection, name, place, self.mirror, marking.group)
        context.view_layer.update()  # before that it does not know the new objects
        _enter_local_view(context, made)
        select_only(context, made[0])
        return {"FINISHED"}


def set_on(context: bpy.types.Context, body: bpy.types.Object) -> bpy.types.Collection:
    """The set that new markers on a body come into: the active one, else the first on this body,
    else a new one. It becomes the active one."""
    active = active_set(context)
    on_body = [c for c in marker_sets(context.scene) if c.nlf_markers.body == body]
    if active in on_body:
        return active
    if not on_body:
        return new_set(context, body)
    context.scene.nlf_marking.active = on_body[0]
    return on_body[0]


def _enter_local_view(context: bpy.types.Context, made: list[bpy.types.Object]) -> None:
    space = context.space_data
    if space is not None and space.type == "VIEW_3D" and space.local_view is not None:
        for obj in made:
            obj.local_view_set(space, True)


CLASSES = (NLF_OT_marker_place,)
