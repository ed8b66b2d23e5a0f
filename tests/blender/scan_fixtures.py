# SPDX-License-Identifier: GPL-3.0-or-later
"""Registrations with known answers, and objects to register to."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector
from scene_fixtures import FitParameters

from nlf_blender.body.body_data import BodyData, reduced_body_npz
from nlf_blender.protocol.registration import (
    Figures,
    RegistrationInfo,
    ScanInfo,
    write_arrays,
    write_info,
)
from nlf_blender.protocol.scan_settings import ScanSettings
from nlf_blender.protocol.take import BODY_FILE, ModelInfo

# A tetrahedron with its faces outward, in the world, and a matrix that turns and stretches
CORNERS = np.array([[7.0, -4, 2], [9, -4, 2], [7, -1, 2], [7, -4, 7]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
TURNED = Matrix.LocRotScale(
    Vector((1.0, -2.0, 3.0)), Euler((0.4, -1.1, 2.5)), Vector((0.5, 2.0, 30.0))
)


def scan_fit(body: BodyData, seed: int, scale: float = 1.0) -> FitParameters:
    """A random shape and pose with any heading, some metres from the origin; SMPL's axes."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(0.0, 0.4, (body.joint_count, 3))
    pose[0] = rng.normal(0.0, 2.0, 3)
    return FitParameters(
        pose=pose,
        betas=rng.normal(0.0, 1.0, body.beta_count),
        translation=scale * rng.uniform(-4.0, 4.0, 3),
        scale=scale,
    )


def write_registration(
    folder: Path, body: BodyData, fit: FitParameters, name: str = "Statue"
) -> Path:
    """Write a registration's folder; the body's vertices are 0 to 30 mm from the scan."""
    folder.mkdir(parents=True)
    undetermined = np.zeros(body.joint_count, dtype=bool)
    undetermined[[22, 23]] = True
    (folder / BODY_FILE).write_bytes(reduced_body_npz(body))
    arrays = {
        "pose": fit.pose,
        "betas": fit.betas,
        "translation": fit.translation,
        "undetermined": undetermined,
        "vertex_distances": np.linspace(0.0, 0.03, body.vertex_count),
    }
    info = RegistrationInfo(
        source=ScanInfo(name, "/scans/statue.ply", "d" * 64, 1000, 2000),
        body=ModelInfo("test body", "b" * 64, "CC0-1.0"),
        settings=ScanSettings().to_json(),
        figures=Figures(0.0021, 0.0015, 0.0064, fit.scale, 24, 3.5),
        undetermined=("L_Hand", "R_Hand"),
        notes=("It was taken to be in metres.",),
        software="nlf_blender test",
        created="2026-01-01T00:00:00+00:00",
        arrays_sha256=write_arrays(folder, arrays),
    )
    write_info(folder, info)
    return folder


def mesh_object(
    name: str, vertices: np.ndarray, faces: np.ndarray | None, matrix: Matrix | None = None
) -> bpy.types.Object:
    """A selected, active mesh object that shows these vertices [N,3] in the world, whatever its
    matrix: they are stored as seen from it. None for faces: loose points."""
    matrix = matrix or Matrix()
    inverse = np.array(matrix.inverted(), dtype=np.float64)
    local = vertices @ inverse[:3, :3].T + inverse[:3, 3]
    triangles = [] if faces is None else np.asarray(faces).tolist()
    if matrix.determinant() < 0:  # stored inside out, so that it shows the right way round
        triangles = [face[::-1] for face in triangles]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(local.tolist(), [], triangles)
    obj = bpy.data.objects.new(name, mesh)
    obj.matrix_world = matrix
    bpy.context.scene.collection.objects.link(obj)
    select_only(obj)
    return obj


def select_only(*objects: bpy.types.Object) -> None:
    """Select these and make the first one active."""
    layer = bpy.context.view_layer
    layer.update()  # before that it does not know new objects
    for obj in layer.objects:
        obj.select_set(obj in objects)
    layer.objects.active = objects[0] if objects else None
    layer.update()


def points_from_mesh(obj: bpy.types.Object) -> None:
    """A modifier that turns a mesh object's vertices into a point cloud."""
    group = bpy.data.node_groups.new("Points", "GeometryNodeTree")
    for direction in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=direction, socket_type="NodeSocketGeometry")
    first = group.nodes.new("NodeGroupInput")
    points = group.nodes.new("GeometryNodeMeshToPoints")
    last = group.nodes.new("NodeGroupOutput")
    group.links.new(first.outputs[0], points.inputs[0])
    group.links.new(points.outputs[0], last.inputs[0])
    obj.modifiers.new("Points", "NODES").node_group = group
    bpy.context.view_layer.update()


def world_vertices(obj: bpy.types.Object) -> np.ndarray:
    """Vertices [V,3] in the world as Blender evaluates them."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    places = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", places)
    matrix = np.array(evaluated.matrix_world, dtype=np.float64)
    evaluated.to_mesh_clear()
    return places.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
