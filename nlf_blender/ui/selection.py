# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding an imported person again: by what its objects are, not by their names."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ..scene.heatmap import HEAT_SWITCH

_RIG_MARK = "nlf_pose"  # scene/person/armature.py puts it on every rig


@dataclass(frozen=True)
class PersonParts:
    """The objects of one imported person that are still there. points: the nonparametric mesh,
    which a person from a scan has not; heat: what has a heat map, the points or the body."""

    rig: bpy.types.Object
    body: bpy.types.Object | None
    points: bpy.types.Object | None
    heat: bpy.types.Object | None


def is_rig(obj: bpy.types.Object) -> bool:
    """Whether an object is the armature of an imported person."""
    return obj.type == "ARMATURE" and _RIG_MARK in obj


def person_of(obj: bpy.types.Object | None) -> PersonParts | None:
    """The person that an object belongs to, or None."""
    if obj is None:
        return None
    for collection in obj.users_collection:
        rigs = [other for other in collection.objects if is_rig(other)]
        if obj in rigs:
            return _parts(obj, collection)
        if len(rigs) == 1:
            return _parts(rigs[0], collection)
    return None


def _parts(rig: bpy.types.Object, collection: bpy.types.Collection) -> PersonParts:
    meshes = [obj for obj in collection.objects if obj.type == "MESH"]
    body = next((obj for obj in meshes if obj.parent == rig), None)
    heat = next((obj for obj in meshes if HEAT_SWITCH in obj), None)
    return PersonParts(rig, body, None if heat == body else heat, heat)


def select_person(context: bpy.types.Context, rig: bpy.types.Object) -> None:
    """Make a person's rig the active and only selected object, as far as it can be seen."""
    layer = context.view_layer
    if context.mode != "OBJECT" or rig.name not in layer.objects or not is_rig(rig):
        return
    for obj in layer.objects.selected:
        obj.select_set(False)
    rig.select_set(True)
    layer.objects.active = rig


def show(obj: bpy.types.Object, shown: bool) -> None:
    """Show or hide an object, in the viewport and in renders."""
    obj.hide_render = not shown
    for scene in obj.users_scene:
        for layer in scene.view_layers:
            if obj.name in layer.objects:
                obj.hide_set(not shown, view_layer=layer)
