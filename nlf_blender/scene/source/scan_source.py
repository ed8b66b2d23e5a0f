# SPDX-License-Identifier: GPL-3.0-or-later
"""Scene objects as a scan: what they look like after their modifiers, in the world, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from ...body.conventions import smpl_points_from_blender
from ...errors import UserError
from ...protocol.scan import Scan
from ..markers.canonical_body import canonical_kind

SCAN_TYPES = ("MESH", "POINTCLOUD")


@dataclass(frozen=True)
class _Piece:
    """Vertices [N,3] in the world; triangles [F,3], none in a cloud of points."""

    vertices: Float64Array
    faces: NDArray[np.int32]


def scan_objects(view_layer: bpy.types.ViewLayer) -> list[bpy.types.Object]:
    """The selected objects that can be a scan, or a piece of one; the active one first. A canonical
    body is none."""
    objects = [
        obj
        for obj in view_layer.objects.selected
        if obj.type in SCAN_TYPES and not canonical_kind(obj)
    ]
    return sorted(objects, key=lambda obj: obj != view_layer.objects.active)


def read_scene_scan(depsgraph: bpy.types.Depsgraph, objects: list[bpy.types.Object]) -> Scan:
    """Objects joined to one scan, in the scene's units and SMPL's axes, named after the first.

    A mesh with faces counts as the surface of its triangles. Where one of the objects has no faces,
    all count as points: a scan is either a surface or a cloud. UserError if there is no point.
    """
    if not objects:
        raise UserError(
            "No scan selected",
            "No mesh and no point cloud is selected.",
            "Select the scan in the viewport; select all its pieces if it has several.",
        )
    pieces = [piece for piece in _pieces(depsgraph, set(objects)) if len(piece.vertices)]
    if not pieces:
        names = ", ".join(obj.name for obj in objects)
        raise UserError(
            "The scan is empty",
            f"{names} has no points after its modifiers.",
            "Select another object, or switch off the modifiers that leave nothing.",
        )
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces[:-1]])
    faces = None
    if all(len(piece.faces) for piece in pieces):
        faces = np.concatenate(
            [piece.faces + start for piece, start in zip(pieces, starts, strict=True)]
        ).astype(np.int64)
    vertices = np.concatenate([piece.vertices for piece in pieces])
    return Scan(
        vertices=smpl_points_from_blender(vertices),
        faces=faces,
        normals=None,
        name=objects[0].name,
        origin=bpy.data.filepath,
    )


def _pieces(
    depsgraph: bpy.types.Depsgraph, objects: Iterable[bpy.types.Object]
) -> Iterator[_Piece]:
    """What the viewport shows of the objects. Points and instances that geometry nodes make of a
    mesh come as instances of their own."""
    for instance in depsgraph.object_instances:
        shown = instance.object
        owner = instance.parent if instance.is_instance else shown
        if owner is None or owner.original not in objects or shown.type not in SCAN_TYPES:
            continue
        matrix = np.array(instance.matrix_world, dtype=np.float64)
        local = _positions(shown.data)
        faces = _triangles(shown.data) if shown.type == "MESH" else np.empty((0, 3), np.int32)
        if np.linalg.det(matrix[:3, :3]) < 0:  # a mirrored object: its faces would turn inside out
            faces = faces[:, ::-1]
        yield _Piece(local @ matrix[:3, :3].T + matrix[:3, 3], faces)


def _positions(data: bpy.types.Mesh | bpy.types.PointCloud) -> Float64Array:
    positions = data.attributes.get("position")
    if positions is None:
        return np.empty((0, 3))
    values = np.empty(3 * len(positions.data), dtype=np.float32)
    positions.data.foreach_get("vector", values)
    return values.reshape(-1, 3).astype(np.float64)


def _triangles(mesh: bpy.types.Mesh) -> NDArray[np.int32]:
    mesh.calc_loop_triangles()
    faces = np.empty(3 * len(mesh.loop_triangles), dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", faces)
    return faces.reshape(-1, 3)
