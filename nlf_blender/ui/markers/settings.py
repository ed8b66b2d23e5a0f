# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scene remembers of placing markers: the active set, and the settings of the tool."""

from __future__ import annotations

import bpy

from ...scene.markers.marker_sets import is_marker_set


def _is_set(_: bpy.types.PropertyGroup, collection: bpy.types.Collection) -> bool:
    return is_marker_set(collection)


class NLF_MarkingProperties(bpy.types.PropertyGroup):
    """Of a scene."""

    active: bpy.props.PointerProperty(
        name="Marker Set",
        description="The set that new markers come into",
        type=bpy.types.Collection,
        poll=_is_set,
    )
    mirror: bpy.props.BoolProperty(
        name="X Mirror",
        description="Place and move the marker of the other side, too",
    )
    name: bpy.props.StringProperty(
        name="Name",
        description="Of the next marker; it is numbered where the name is taken",
        default="marker",
    )
    group: bpy.props.StringProperty(
        name="Group", description="Of new markers; they get the colour of the group"
    )
    inside: bpy.props.BoolProperty(
        name="Inside",
        description="Place inside of the body without Alt, too, for mice and systems that keep"
        " Alt for themselves",
    )
    labels: bpy.props.BoolProperty(
        name="Labels",
        description="Show the names of the markers in the 3D Views",
        default=True,
    )


CLASSES = (NLF_MarkingProperties,)


def register() -> None:
    """Give scenes their properties."""
    bpy.types.Scene.nlf_marking = bpy.props.PointerProperty(type=NLF_MarkingProperties)


def unregister() -> None:
    """Take them back."""
    del bpy.types.Scene.nlf_marking
