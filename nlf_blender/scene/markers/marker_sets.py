# SPDX-License-Identifier: GPL-3.0-or-later
"""Marker sets in the scene: a collection is a set, its empties are markers.

A mesh in the collection gives a marker for each vertex (of a vertex group), a curve for each point
of its evaluated shape, a point cloud for each point: their markers are called NAME.0001, ...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector

from ...body.arrays import Float64Array
from ...body.conventions import blender_points_from_smpl
from ...errors import UserError
from ...protocol.marker_set import Marker, MarkerSet, body_title
from ..datablocks import NewDatablocks
from .canonical_body import (
    canonical_from_world,
    canonical_gender,
    canonical_kind,
    world_from_canonical,
)
from .marker_empty import make_marker_empty
from .object_points import has_points, object_points


@dataclass(frozen=True, eq=False)
class Member:
    """What one object gives to a set: names of its markers, and where they are [K,3] in canonical
    space, metres."""

    obj: bpy.types.Object
    names: tuple[str, ...]
    positions: Float64Array


def is_marker_set(collection: bpy.types.Collection | None) -> bool:
    """Whether a collection is a marker set."""
    return collection is not None and collection.nlf_markers.is_set


def marker_sets(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The marker sets in a scene, by name."""
    found = [c for c in scene.collection.children_recursive if is_marker_set(c)]
    return sorted(found, key=lambda collection: collection.name_full)


def make_marker_set(
    new: NewDatablocks, name: str, body: bpy.types.Object, description: str = ""
) -> bpy.types.Collection:
    """An empty marker set, not yet in the scene, on a canonical body."""
    collection = new.add(bpy.data.collections.new(name))
    collection.nlf_markers.is_set = True
    collection.nlf_markers.body = body
    collection.nlf_markers.description = description
    return collection


def add_marker(
    new: NewDatablocks, collection: bpy.types.Collection, marker: Marker
) -> bpy.types.Object:
    """A marker as an empty in a set, a child of the set's canonical body, with which it goes."""
    properties = collection.nlf_markers
    obj = make_marker_empty(new, marker.name)
    obj.color = (*(marker.color or properties.color), 1.0)
    obj.nlf_marker.group = marker.group
    obj.nlf_marker.place = marker.place
    collection.objects.link(obj)
    obj.parent = properties.body
    place_marker(obj, properties.body, np.array(marker.position))
    return obj


def place_marker(obj: bpy.types.Object, body: bpy.types.Object, position: Float64Array) -> None:
    """Put a marker to a canonical position [3], metres."""
    if obj.parent == body:  # needs no matrix that Blender may not have renewed yet
        local = Vector(blender_points_from_smpl(position))
        obj.location = obj.matrix_parent_inverse.inverted_safe() @ local
        return
    world = obj.matrix_world.copy()
    world.translation = world_from_canonical(body, position)[0]
    obj.matrix_world = world


def add_markers(
    new: NewDatablocks, collection: bpy.types.Collection, markers: MarkerSet
) -> list[bpy.types.Object]:
    """All markers of a marker set as empties. UserError if it is of another canonical body."""
    body = collection.nlf_markers.body
    kind, gender = canonical_kind(body), canonical_gender(body)
    if markers.body != kind or (markers.gender and gender and markers.gender != gender):
        wanted = body_title(markers.body, markers.gender)
        raise UserError(
            "Marker set of another body",
            f"{markers.name} was placed on the canonical body '{wanted}', {collection.name} "
            f"stands on '{body_title(kind, gender)}'.",
            f"Add the canonical body '{wanted}', or convert the set to this one.",
        )
    return [add_marker(new, collection, marker) for marker in markers.markers]


def marker_name(obj: bpy.types.Object) -> str:
    """What a marker, or what gives markers, is called."""
    return obj.nlf_marker.name or obj.name


def members(collection: bpy.types.Collection) -> Iterator[Member]:
    """What the objects of a set give, in the order in which they came into it; nothing for other
    kinds of objects, as lights. UserError if the set's canonical body is gone."""
    body = canonical_body_of(collection)
    bpy.context.evaluated_depsgraph_get()  # renews the matrices of what was just moved
    for obj in collection.objects:
        if obj == body or not has_points(obj):
            continue
        name = marker_name(obj)
        if obj.type == "EMPTY":
            world = np.array(obj.matrix_world.translation)[None]
            yield Member(obj, (name,), canonical_from_world(body, world))
        else:
            positions = canonical_from_world(body, object_points(obj, obj.nlf_marker.vertex_group))
            names = tuple(f"{name}.{number + 1:04d}" for number in range(len(positions)))
            yield Member(obj, names, positions)


def canonical_body_of(collection: bpy.types.Collection) -> bpy.types.Object:
    """The canonical body of a set. UserError if it is gone."""
    body = collection.nlf_markers.body
    if not canonical_kind(body):
        raise UserError(
            "No canonical body",
            f"The marker set {collection.name} has no canonical body.",
            "Choose one in the panel of the set, or add one: Add > Mesh > NLF Canonical Body.",
        )
    return body


def read_scene_set(collection: bpy.types.Collection) -> MarkerSet:
    """The marker set that a collection is. UserError if it has no markers, two of one name, or its
    canonical body is gone."""
    body = canonical_body_of(collection)
    markers: list[Marker] = []
    for member in members(collection):
        color = tuple(member.obj.color[:3])
        group, place = member.obj.nlf_marker.group, member.obj.nlf_marker.place
        markers += [
            Marker(name, tuple(map(float, position)), group, color, place)
            for name, position in zip(member.names, member.positions, strict=True)
        ]
    if not markers:
        raise UserError(
            "Empty marker set",
            f"{collection.name} has no markers.",
            "Place some with the marker tool, or add objects that stand in the canonical body.",
        )
    try:
        return MarkerSet(
            name=collection.name,
            markers=tuple(markers),
            body=canonical_kind(body),
            description=collection.nlf_markers.description,
            gender=canonical_gender(body),
        )
    except ValueError as error:
        raise UserError(
            "Marker set not usable", f"{collection.name}: {error}.", "Rename or correct it."
        ) from error
