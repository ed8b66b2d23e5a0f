# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of a marker, as fields that can be typed into: millimetres in canonical space."""

from __future__ import annotations

import bpy
import numpy as np

from ...scene.markers.positions import canonical_position, marker_set_of, move_to
from ...scene.markers.raycast import at_depth, closest_skin

MM = 1000.0  # in a metre
SHOWN_DIGITS = 2  # of a depth; more would show what single precision makes of 0


def position_field(marker: bpy.types.PropertyGroup) -> tuple[float, float, float]:
    """Where a marker is in canonical space, mm; zeros for what is in no set."""
    collection = marker_set_of(marker.id_data)
    if collection is None:
        return 0.0, 0.0, 0.0
    place = MM * canonical_position(marker.id_data, collection.nlf_markers.body)
    return float(place[0]), float(place[1]), float(place[2])


def set_position(marker: bpy.types.PropertyGroup, millimetres: tuple[float, float, float]) -> None:
    """Move a marker there, and its other side where the scene's X Mirror is on."""
    collection = marker_set_of(marker.id_data)
    if collection is not None:
        mirror = bpy.context.scene.nlf_marking.mirror
        move_to(collection, marker.id_data, np.array(millimetres) / MM, mirror)


def depth_field(marker: bpy.types.PropertyGroup) -> float:
    """How deep under the skin a marker is, mm, negative outside; 0 where nobody can tell, as while
    the canonical body is hidden."""
    collection = marker_set_of(marker.id_data)
    if collection is None:
        return 0.0
    body = collection.nlf_markers.body
    graph = bpy.context.evaluated_depsgraph_get()
    skin = closest_skin(body, canonical_position(marker.id_data, body), graph)
    return 0.0 if skin is None else round(MM * skin.depth, SHOWN_DIGITS) + 0.0  # no -0


def set_depth(marker: bpy.types.PropertyGroup, millimetres: float) -> None:
    """Move a marker to this depth, straight under the place on the skin that it is nearest to."""
    collection = marker_set_of(marker.id_data)
    if collection is None:
        return
    body = collection.nlf_markers.body
    place = canonical_position(marker.id_data, body)
    skin = closest_skin(body, place, bpy.context.evaluated_depsgraph_get())
    if skin is not None:
        mirror = bpy.context.scene.nlf_marking.mirror
        move_to(collection, marker.id_data, at_depth(skin, place, millimetres / MM), mirror)
