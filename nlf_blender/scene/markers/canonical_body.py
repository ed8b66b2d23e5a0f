# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical body as objects: the surface on which markers are placed, its joints inside.

Its mesh has the body's canonical vertices, unchanged and in their order, in Blender's axes: it
faces -Y, 1 unit is 1 metre. Its vertex groups are how much the body's skin follows each joint.
Wherever the artist moves the object, canonical space goes with it.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from ...body.arrays import Float64Array, FloatArray
from ...body.body_data import BodyData
from ...body.conventions import blender_points_from_smpl, smpl_points_from_blender
from ...protocol.marker_set import OPEN
from ..datablocks import NewDatablocks
from ..materials import make_skin
from ..meshes import Topology, make_mesh
from ..person.skinned import add_weights

KIND = "nlf_canonical"  # of the body's object: one of protocol/marker_set.py's BODIES
GENDER = "nlf_canonical_gender"  # of the body of SMPL's family, "" for the open one
SHA256 = "nlf_canonical_sha256"  # of the body's file
JOINTS = "nlf_canonical_joints"  # of the joints' object: their names, one a line
COLOR = (0.56, 0.6, 0.66, 1.0)


def make_canonical_body(new: NewDatablocks, body: BodyData, kind: str) -> bpy.types.Object:
    """A canonical body, not yet in a collection, its soles on the ground; the joints' object is its
    child (`joints_of`). ValueError if the body does not say how it stands in canonical space."""
    vertices, joints = body.canonical_vertices, body.canonical_joints
    if vertices is None or joints is None:
        raise ValueError(f"{body.name} has no canonical points")
    name = f"Canonical {body.name or kind}"
    mesh = make_mesh(new, name, blender_points_from_smpl(vertices), Topology.of_body(body))
    mesh.materials.append(make_skin(new, name, COLOR))
    obj = new.add(bpy.data.objects.new(name, mesh))
    add_weights(obj, body, {joint: joint for joint in body.skeleton.joint_names})
    obj[KIND], obj[SHA256] = kind, body.sha256
    obj[GENDER] = "" if kind == OPEN else body.gender
    obj.hide_render = True
    obj.location.z = -float(vertices[:, 1].min())
    display = _joint_display(new, f"{name} Joints", blender_points_from_smpl(joints), body)
    display.parent = obj
    return obj


def _joint_display(
    new: NewDatablocks, name: str, joints: Float64Array, body: BodyData
) -> bpy.types.Object:
    """Joints as vertices, bones as edges; seen through the body, and never by accident selected."""
    parents = body.skeleton.parents
    edges = [(parent, joint) for joint, parent in enumerate(parents) if parent >= 0]
    mesh = new.add(bpy.data.meshes.new(name))
    mesh.from_pydata(joints.tolist(), edges, [])
    obj = new.add(bpy.data.objects.new(name, mesh))
    obj[JOINTS] = "\n".join(body.skeleton.joint_names)
    obj.show_in_front = True
    obj.hide_select = True
    obj.hide_render = True
    return obj


def canonical_kind(obj: bpy.types.Object | None) -> str:
    """Which canonical body an object is, "" if none."""
    return "" if obj is None or obj.type != "MESH" else str(obj.get(KIND, ""))


def canonical_gender(obj: bpy.types.Object) -> str:
    """Which of its kind a canonical body is, "" where nobody knows and for the open one."""
    return str(obj.get(GENDER, ""))


def canonical_bodies(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The canonical bodies in a scene, the oldest first."""
    found = [obj for obj in scene.objects if canonical_kind(obj)]
    return sorted(found, key=lambda obj: obj.session_uid)


def joints_of(
    body: bpy.types.Object,
) -> tuple[tuple[str, ...], Float64Array, list[tuple[int, int]]]:
    """Names of the J joints of a canonical body, where they are [J,3] in its own space (Blender's
    axes, metres), and the pairs (parent, child) of joints that are bones."""
    display = next((child for child in body.children if JOINTS in child), None)
    if display is None:
        return (), np.zeros((0, 3)), []
    places = np.empty(3 * len(display.data.vertices), dtype=np.float32)
    display.data.vertices.foreach_get("co", places)
    edges = [(edge.vertices[0], edge.vertices[1]) for edge in display.data.edges]
    names = tuple(str(display[JOINTS]).split("\n"))
    return names, places.reshape(-1, 3).astype(np.float64), edges


def canonical_from_world(body: bpy.types.Object, points: FloatArray) -> Float64Array:
    """World points [K,3] as canonical ones [K,3], SMPL's axes, metres."""
    return smpl_points_from_blender(transformed(body.matrix_world.inverted_safe(), points))


def world_from_canonical(body: bpy.types.Object, points: FloatArray) -> Float64Array:
    """The inverse of `canonical_from_world`."""
    return transformed(body.matrix_world, blender_points_from_smpl(points))


def transformed(matrix: Matrix, points: FloatArray) -> Float64Array:
    """Points [K,3] moved by a matrix."""
    values = np.array(matrix, dtype=np.float64)
    return np.asarray(points, dtype=np.float64).reshape(-1, 3) @ values[:3, :3].T + values[:3, 3]
