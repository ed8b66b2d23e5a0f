# SPDX-License-Identifier: GPL-3.0-or-later
"""The points that an object gives: an empty its own, others those of their evaluated shape."""

from __future__ import annotations

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...errors import UserError
from .canonical_body import transformed

MESH_TYPES = ("MESH", "CURVE", "SURFACE", "FONT", "META")
POINT_TYPES = ("EMPTY", *MESH_TYPES, "CURVES", "POINTCLOUD")


def has_points(obj: bpy.types.Object) -> bool:
    """Whether an object can give markers."""
    return obj.type in POINT_TYPES


def object_points(obj: bpy.types.Object, vertex_group: str = "") -> Float64Array:
    """Where an object's points are in the world [K,3], modifiers and scale applied.

    vertex_group: of a mesh, only its vertices. UserError if the mesh has no such group.
    """
    if obj.type == "EMPTY":
        return np.array(obj.matrix_world.translation, dtype=np.float64)[None]
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    if obj.type in MESH_TYPES:
        mesh = evaluated.to_mesh()
        try:
            points = _coordinates(mesh.vertices, "co")
            chosen = _chosen(obj, mesh, vertex_group)
        finally:
            evaluated.to_mesh_clear()
        points = points if chosen is None else points[chosen]
    elif obj.type == "POINTCLOUD":
        points = _coordinates(evaluated.data.points, "co")
    else:
        points = _coordinates(evaluated.data.points, "position")
    return transformed(evaluated.matrix_world, points)


def _coordinates(items: bpy.types.bpy_prop_collection, name: str) -> Float64Array:
    values = np.empty(3 * len(items), dtype=np.float32)
    items.foreach_get(name, values)
    return values.reshape(-1, 3).astype(np.float64)


def _chosen(obj: bpy.types.Object, mesh: bpy.types.Mesh, vertex_group: str) -> np.ndarray | None:
    """Indices of a vertex group's vertices in the evaluated mesh, ascending; None for all."""
    if not vertex_group or obj.type != "MESH":
        return None
    group = obj.vertex_groups.get(vertex_group)
    if group is None:
        raise UserError(
            "No such vertex group",
            f"{obj.name} has no vertex group '{vertex_group}'.",
            "Choose one of its vertex groups, or none for all vertices.",
        )
    inside = [any(g.group == group.index for g in vertex.groups) for vertex in mesh.vertices]
    return np.flatnonzero(inside)
