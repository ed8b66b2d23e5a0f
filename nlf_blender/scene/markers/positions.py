# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers of a set by name, where they are, and moving them with their other side."""

from __future__ import annotations

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...body.conventions import smpl_points_from_blender
from ...body.sides import MirrorReport, mirror_report, mirrored
from ...protocol.marker_set import Marker
from ..datablocks import NewDatablocks
from .canonical_body import canonical_from_world, canonical_kind
from .marker_sets import add_marker, is_marker_set, marker_name, place_marker
from .mirroring import counterpart, names_of_pair, new_markers, on_middle, to_middle

EXACT = 1e-6  # metres; Blender's locations are single precision


def marker_set_of(obj: bpy.types.Object) -> bpy.types.Collection | None:
    """The marker set that an object is in, with a canonical body; None if it is in none."""
    found = (c for c in obj.users_collection if is_marker_set(c))
    return next((c for c in found if canonical_kind(c.nlf_markers.body)), None)


def single_markers(collection: bpy.types.Collection) -> dict[str, bpy.types.Object]:
    """The markers of a set that are empties, by name."""
    body = collection.nlf_markers.body
    empties = [o for o in collection.objects if o.type == "EMPTY" and o != body]
    return {marker_name(obj): obj for obj in empties}


def canonical_position(obj: bpy.types.Object, body: bpy.types.Object) -> Float64Array:
    """Where an empty is [3], canonical, metres; of one that was just moved, too."""
    if obj.parent == body and not obj.constraints:
        local = obj.matrix_parent_inverse @ obj.location
        return smpl_points_from_blender(np.array(local, dtype=np.float64))
    return canonical_from_world(body, np.array(obj.matrix_world.translation))[0]


def add_at(
    collection: bpy.types.Collection,
    name: str,
    position: Float64Array,
    mirror: bool,
    group: str = "",
) -> list[bpy.types.Object]:
    """New markers at a canonical position [3] and, if asked for, on the other side; the one that
    was asked for first. They get the colour of their group."""
    known = single_markers(collection)
    peer = next((obj for obj in known.values() if group and obj.nlf_marker.group == group), None)
    color = None if peer is None else tuple(peer.color[:3])
    new = NewDatablocks()
    return [
        add_marker(new, collection, Marker(label, tuple(map(float, place)), group, color))
        for label, place in new_markers(name, position, mirror, known.keys())
    ]


def move_to(
    collection: bpy.types.Collection, obj: bpy.types.Object, position: Float64Array, mirror: bool
) -> None:
    """Move a marker to a canonical position [3]. mirror: its counterpart goes along; one that has
    none stays on the middle plane if it is near."""
    body = collection.nlf_markers.body
    known = single_markers(collection)
    other = counterpart(marker_name(obj), known.keys()) if mirror else None
    if mirror and other is None and on_middle(position):
        position = to_middle(position)
    place_marker(obj, body, position)
    if other is not None:
        place_marker(known[other], body, mirrored(position))


def symmetrize(collection: bpy.types.Collection, from_left: bool) -> int:
    """Mirror the markers of one side to the other, where those that are missing are made; markers
    without a side that are near the middle plane go onto it. Returns how many were placed."""
    body = collection.nlf_markers.body
    known = single_markers(collection)
    placed = 0
    for name, obj in list(known.items()):
        position = canonical_position(obj, body)
        middle, left = on_middle(position), bool(position[0] > 0)
        other = counterpart(name, known.keys())
        if not middle and left != from_left:
            continue
        if other is not None:
            place_marker(known[other], body, mirrored(position))
            placed += 1
        elif middle:
            place_marker(obj, body, to_middle(position))
        else:
            obj.nlf_marker.name, label = names_of_pair(name, left, known.keys())
            known[label] = _twin(collection, obj, label, mirrored(position))
            placed += 1
    return placed


def _twin(
    collection: bpy.types.Collection, obj: bpy.types.Object, name: str, place: Float64Array
) -> bpy.types.Object:
    color = tuple(obj.color[:3])
    marker = Marker(name, tuple(map(float, place)), obj.nlf_marker.group, color)
    return add_marker(NewDatablocks(), collection, marker)


def mirror_state(collection: bpy.types.Collection) -> MirrorReport:
    """Which markers have no counterpart, or one that is not exactly their mirror image."""
    body, known = collection.nlf_markers.body, single_markers(collection)
    places = [canonical_position(obj, body) for obj in known.values()]
    return mirror_report(list(known), np.array(places).reshape(-1, 3), EXACT)
