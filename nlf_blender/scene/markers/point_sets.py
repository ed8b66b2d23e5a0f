# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the scene is localized beside the body: marker sets, meshes that stand in a canonical
body, rigs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
import numpy as np

from ...errors import UserError
from ...protocol.point_set import MESH, PointSet, Polygons, of_markers
from ..rigs.collect_rig import collect_rig
from ..rigs.kept_points import kept_points
from .canonical_body import (
    canonical_bodies,
    canonical_from_world,
    canonical_gender,
    canonical_kind,
)
from .marker_sets import canonical_body_of, is_marker_set, marker_sets, members, read_scene_set
from .object_points import MESH_TYPES, object_points

Owner = bpy.types.Collection | bpy.types.Object


@dataclass(frozen=True, eq=False)
class Gathered:
    """A point set of the scene; notes: what was done to get it, one sentence each."""

    points: PointSet
    notes: tuple[str, ...] = ()


def is_localized_mesh(obj: bpy.types.Object) -> bool:
    """Whether an object is a mesh all of whose points are to be localized."""
    return obj.type == "MESH" and obj.nlf_points.is_set and not canonical_kind(obj)


def is_localized_rig(obj: bpy.types.Object) -> bool:
    """Whether an object is a rig whose joints and surface are to be localized."""
    return obj.type == "ARMATURE" and obj.nlf_points.is_set


def owners(scene: bpy.types.Scene) -> list[Owner]:
    """All that can be localized beside the body in a scene: marker sets, then meshes and rigs, by
    name."""
    objects = [obj for obj in scene.objects if is_localized_mesh(obj) or is_localized_rig(obj)]
    return [*marker_sets(scene), *sorted(objects, key=lambda obj: obj.name_full)]


def owner_settings(owner: Owner) -> bpy.types.PropertyGroup:
    """The properties `localize`, `force` and `body` of a marker set, mesh or rig."""
    return owner.nlf_markers if isinstance(owner, bpy.types.Collection) else owner.nlf_points


def gather(scene: bpy.types.Scene, owner: Owner) -> Gathered:
    """The points of a marker set, mesh or rig of the scene. UserError, saying what to do, if it is
    empty or not usable, or its canonical body is gone."""
    if isinstance(owner, bpy.types.Collection):
        return _of_marker_set(owner)
    return _of_rig(scene, owner) if owner.type == "ARMATURE" else _of_mesh(scene, owner)


def _of_marker_set(collection: bpy.types.Collection) -> Gathered:
    assert is_marker_set(collection)
    markers = read_scene_set(collection)
    shaped = [m.obj for m in members(collection) if m.obj.type in MESH_TYPES]
    notes = tuple(note for obj in shaped for note in _applied(obj, canonical_body_of(collection)))
    return Gathered(of_markers(markers, force=collection.nlf_markers.force), notes)


def _of_mesh(scene: bpy.types.Scene, obj: bpy.types.Object) -> Gathered:
    body = canonical_body_for(scene, obj)
    world = object_points(obj)
    if not len(world):
        raise UserError(
            "Empty mesh",
            f"{obj.name} has no vertices, with its modifiers applied.",
            "Choose another mesh, or correct its modifiers.",
        )
    points = PointSet(
        name=obj.name,
        kind=MESH,
        body=canonical_kind(body),
        points=canonical_from_world(body, world),
        force=obj.nlf_points.force,
        polygons=_polygons(obj, body),
        gender=canonical_gender(body),
    )
    return Gathered(points, _applied(obj, body))


def _of_rig(scene: bpy.types.Scene, obj: bpy.types.Object) -> Gathered:
    """As the rig stood when it was added; as it stands now, if it was not yet."""
    kept = kept_points(obj)
    found = Gathered(kept) if kept is not None else take_rig_points(scene, obj)
    return replace(found, points=replace(found.points, force=obj.nlf_points.force))


def take_rig_points(scene: bpy.types.Scene, obj: bpy.types.Object) -> Gathered:
    """The points of a rig as it stands now. UserError if it does not stand in its body."""
    body, fingers = canonical_body_for(scene, obj), obj.nlf_rig.fingers
    found = collect_rig(obj, body, scene, fingers=fingers)
    return Gathered(found.points, found.notes)


def canonical_body_for(scene: bpy.types.Scene, obj: bpy.types.Object) -> bpy.types.Object:
    """The canonical body that a mesh or rig stands in: its own, else the only one of the scene.
    UserError if there is none, or nobody knows which."""
    chosen = obj.nlf_points.body
    if canonical_kind(chosen) and scene in chosen.users_scene:
        return chosen
    bodies = canonical_bodies(scene)
    if len(bodies) == 1:
        return bodies[0]
    raise UserError(
        "No canonical body",
        f"{obj.name} stands in no canonical body"
        + (", and the scene has several." if bodies else "."),
        "Choose its canonical body in the panel Markers, or add one: Add > Mesh > NLF Canonical"
        " Body.",
    )


def _polygons(obj: bpy.types.Object, body: bpy.types.Object) -> Polygons | None:
    """The faces of an object's evaluated mesh, facing as Blender shows them in a canonical body;
    None without any."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    try:
        if obj.matrix_world.is_negative != body.matrix_world.is_negative:
            mesh.flip_normals()  # a mirrored object shows its faces from behind
        return mesh_polygons(mesh)
    finally:
        evaluated.to_mesh_clear()


def mesh_polygons(mesh: bpy.types.Mesh) -> Polygons | None:
    """The faces of a mesh; None without any."""
    if not len(mesh.polygons):
        return None
    sizes = np.empty(len(mesh.polygons), dtype=np.int32)
    mesh.polygons.foreach_get("loop_total", sizes)
    corners = np.empty(len(mesh.loops), dtype=np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    return Polygons(sizes.astype(np.int64), corners.astype(np.int64))


def _applied(obj: bpy.types.Object, body: bpy.types.Object) -> tuple[str, ...]:
    """What was applied to an object, in words: modifiers that show, a scale other than its
    body's."""
    own = np.array(obj.matrix_world.to_scale()) / np.array(body.matrix_world.to_scale())
    what = []
    if any(modifier.show_viewport for modifier in obj.modifiers):
        what.append("modifiers")
    if not np.allclose(own, 1.0, atol=1e-4):
        what.append("scale")
    if not what:
        return ()
    return (
        f"To find the points of {obj.name}, its {' and its '.join(what)} counted as applied; the"
        " object itself stays as it is.",
    )
