# SPDX-License-Identifier: GPL-3.0-or-later
"""Which marker set the panels and the tool are about, and which of its objects are markers."""

from __future__ import annotations

import bpy

from ...scene.markers.canonical_body import canonical_bodies, canonical_kind
from ...scene.markers.marker_sets import marker_sets
from ...scene.markers.object_points import has_points


def active_set(context: bpy.types.Context) -> bpy.types.Collection | None:
    """The marker set that was chosen, if it is still in the scene; else that of the active object;
    else the first one; None without any."""
    sets = marker_sets(context.scene)
    chosen = context.scene.nlf_marking.active
    if chosen in sets:
        return chosen
    own = set_of(context.scene, context.object)
    return own or (sets[0] if sets else None)


def set_of(scene: bpy.types.Scene, obj: bpy.types.Object | None) -> bpy.types.Collection | None:
    """The marker set of a scene that an object is a marker of, or None."""
    if obj is None or not has_points(obj):
        return None
    return next((c for c in marker_sets(scene) if obj in c.objects[:]), None)


def markers_of(collection: bpy.types.Collection) -> list[bpy.types.Object]:
    """The objects that give the markers of a set, in its order."""
    body = collection.nlf_markers.body
    return [obj for obj in collection.objects if obj != body and has_points(obj)]


def active_body(context: bpy.types.Context) -> bpy.types.Object | None:
    """The canonical body that is worked on: the active object, else that of the active set, else
    the newest of the scene; None without any."""
    if canonical_kind(context.object):
        return context.object
    collection = active_set(context)
    body = None if collection is None else collection.nlf_markers.body
    if canonical_kind(body) and body.name in context.view_layer.objects:
        return body
    bodies = canonical_bodies(context.scene)
    return bodies[-1] if bodies else None


def has_body(operator: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    """For an operator's poll: whether there is a canonical body, in object mode."""
    if active_body(context) is None:
        operator.poll_message_set("Add a canonical body first: Add > Mesh > NLF Canonical Body")
        return False
    return context.mode == "OBJECT"


def select_only(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Make an object the active and only selected one, as far as it is in the view layer."""
    layer = context.view_layer
    if obj.name not in layer.objects:
        return
    for other in layer.objects.selected:
        other.select_set(False)
    obj.select_set(True)
    layer.objects.active = obj
