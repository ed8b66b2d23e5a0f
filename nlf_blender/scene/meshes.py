# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes from arrays, in bulk."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..body.body_data import BodyData
from .datablocks import NewDatablocks

UV_LAYER = "UVMap"


@dataclass(frozen=True)
class Topology:
    """What all meshes of a body share: triangles [F,3], and texture coordinates per corner."""

    faces: NDArray[np.int32]
    corner_uv: NDArray[np.float32] | None

    @classmethod
    def of_body(cls, body: BodyData) -> Topology:
        """The body's triangles, and its texture coordinates if it has any."""
        corner_uv = None
        if body.uv is not None and body.face_uv is not None:
            corner_uv = body.uv[body.face_uv.ravel()].astype(np.float32)
        return cls(body.faces.astype(np.int32), corner_uv)


def make_mesh(
    new: NewDatablocks, name: str, vertices: NDArray[np.floating], topology: Topology
) -> bpy.types.Mesh:
    """A smooth-shaded mesh of vertices [V,3] in metres."""
    mesh = new.add(bpy.data.meshes.new(name))
    faces = topology.faces
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    mesh.update(calc_edges=True)
    if topology.corner_uv is not None:
        layer = mesh.uv_layers.new(name=UV_LAYER)
        layer.uv.foreach_set("vector", topology.corner_uv.ravel())
    return mesh
