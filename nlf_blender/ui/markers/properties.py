# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender keeps of marker sets and markers: sets are collections, markers empties in them."""

from __future__ import annotations

import bpy

from ...scene.markers.canonical_body import canonical_kind
from ...scene.markers.marker_empty import COLOR
from .active_set import select_only
from .marker_fields import depth_field, position_field, set_depth, set_position


def _is_canonical(_: bpy.types.PropertyGroup, obj: bpy.types.Object) -> bool:
    return bool(canonical_kind(obj))


def _renamed(marker: bpy.types.PropertyGroup, _: bpy.types.Context) -> None:
    """The object is called as the marker, as far as Blender has the name left."""
    if marker.name:
        marker.id_data.name = marker.name


def _active_index(properties: bpy.types.PropertyGroup) -> int:
    """Where the active object is in the set; -1 if it is not."""
    active = bpy.context.view_layer.objects.active
    objects = properties.id_data.objects[:]
    return objects.index(active) if active in objects else -1


def _activate(properties: bpy.types.PropertyGroup, index: int) -> None:
    objects = properties.id_data.objects
    if 0 <= index < len(objects) and bpy.context.mode == "OBJECT":
        select_only(bpy.context, objects[index])


class NLF_MarkerSetProperties(bpy.types.PropertyGroup):
    """Of a collection: whether it is a marker set, and what belongs to all of the set."""

    is_set: bpy.props.BoolProperty()
    body: bpy.props.PointerProperty(
        name="Canonical Body",
        description="The canonical body on which the markers of this set stand",
        type=bpy.types.Object,
        poll=_is_canonical,
    )
    description: bpy.props.StringProperty(
        name="Description", description="Where the set comes from, or what it is for"
    )
    color: bpy.props.FloatVectorProperty(
        name="Colour",
        description="Of new markers of this set",
        subtype="COLOR",
        size=3,
        min=0.0,
        max=1.0,
        default=COLOR,
    )
    force: bpy.props.BoolProperty(
        name="Far Points Too",
        description=(
            "Localize markers that are far from the body, too; the model has seen no such points,"
            " and guesses"
        ),
    )
    localize: bpy.props.BoolProperty(
        name="Localize",
        description="The next job localizes this, too",
        default=True,
    )
    index: bpy.props.IntProperty(name="Active Marker", get=_active_index, set=_activate)


class NLF_MarkerProperties(bpy.types.PropertyGroup):
    """Of an object in a marker set."""

    name: bpy.props.StringProperty(
        name="Name", description="What the marker is called in files", update=_renamed
    )
    group: bpy.props.StringProperty(
        name="Group", description="Markers that belong together, as a segment or a side"
    )
    place: bpy.props.StringProperty(name="Place", description="Where on the body it is, in words")
    vertex_group: bpy.props.StringProperty(
        name="Vertex Group",
        description="Of a mesh: only these vertices are markers; all if it is empty",
    )
    position: bpy.props.FloatVectorProperty(
        name="Position",
        description=(
            "In canonical space, mm: to the body's left, up, and to the front. X Mirror moves the"
            " other side, too"
        ),
        subtype="XYZ",
        precision=1,
        step=100,
        get=position_field,
        set=set_position,
    )
    depth: bpy.props.FloatProperty(
        name="Depth",
        description="Under the skin of the canonical body, mm; negative outside",
        precision=1,
        step=100,
        get=depth_field,
        set=set_depth,
    )


class NLF_PointsProperties(bpy.types.PropertyGroup):
    """Of a mesh or a rig that stands in a canonical body and is localized as it is."""

    is_set: bpy.props.BoolProperty(
        name="Localize This Object",
        description=(
            "Jobs localize this object itself: of a mesh every vertex, of a rig its joints and its"
            " surface"
        ),
    )
    body: bpy.props.PointerProperty(
        name="Canonical Body",
        description="The canonical body that the object stands in. Empty: the scene's only one",
        type=bpy.types.Object,
        poll=_is_canonical,
    )
    localize: bpy.props.BoolProperty(
        name="Localize", description="The next job localizes this, too", default=True
    )
    force: bpy.props.BoolProperty(
        name="Far Points Too",
        description=(
            "Localize points that are far from the body, too; the model has seen no such points,"
            " and guesses"
        ),
    )


CLASSES = (NLF_MarkerSetProperties, NLF_MarkerProperties, NLF_PointsProperties)


def register() -> None:
    """Give collections and objects their properties."""
    bpy.types.Collection.nlf_markers = bpy.props.PointerProperty(type=NLF_MarkerSetProperties)
    bpy.types.Object.nlf_marker = bpy.props.PointerProperty(type=NLF_MarkerProperties)
    bpy.types.Object.nlf_points = bpy.props.PointerProperty(type=NLF_PointsProperties)


def unregister() -> None:
    """Take them back."""
    del bpy.types.Object.nlf_points
    del bpy.types.Object.nlf_marker
    del bpy.types.Collection.nlf_markers
