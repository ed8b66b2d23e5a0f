# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface that tells how a rig's bones are turned: of the meshes that it deforms, or, without
any, of the canonical body itself."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector
from mathutils.kdtree import KDTree

from ...body.arrays import Float64Array, IntArray
from ...body.conventions import smpl_points_from_blender
from ..markers.canonical_body import canonical_from_world, canonical_kind
from .bone_choice import STANDS_IN, heights_above
from .skin_weights import finger_share, skin_weights

MOST_POINTS = 2000
LOOKED_AT = 12000  # vertices of which some are chosen
MOSTLY = 0.5
LEAST_WEIGHT = 0.05  # of all bones in a point: less is left out
SEED = 0


def bound_meshes(rig: bpy.types.Object, scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The meshes in a scene that the rig deforms by vertex groups."""
    return [
        obj
        for obj in scene.objects
        if obj.type == "MESH"
        and not canonical_kind(obj)
        and obj.vertex_groups
        and any(m.type == "ARMATURE" and m.object == rig and m.show_viewport for m in obj.modifiers)
    ]


def surface_of_meshes(
    meshes: list[bpy.types.Object],
    body: bpy.types.Object,
    joints: dict[str, int],
    joint_count: int,
    fingers: bool,
) -> tuple[Float64Array, Float64Array]:
    """Points [K,3] on meshes as they are posed now, canonical space, and their weights [K,J].
    joints: which joint each of the rig's bones goes with, by name; fingers: whether these are
    solved: if not, their skin would turn the hand as they bend, and is left out."""
    places, weights = [], []
    for obj in meshes:
        found = _vertices(obj, LOOKED_AT // len(meshes), joints, joint_count)
        near = heights_above(body, found[0]) < STANDS_IN
        if not fingers:
            near &= ~_at_fingers(body, found[0])
        places.append(canonical_from_world(body, found[0][near]))
        weights.append(found[1][near])
    points = np.concatenate([np.zeros((0, 3)), *places])
    skin = np.concatenate([np.zeros((0, joint_count)), *weights])
    chosen = _spread(skin, MOST_POINTS)
    return points[chosen], skin[chosen]


def _at_fingers(body: bpy.types.Object, places: Float64Array) -> np.ndarray:
    """Which world points [N,3] are nearest to the skin of a canonical body's fingers [N]."""
    tree = KDTree(len(body.data.vertices))
    for row, vertex in enumerate(body.data.vertices):
        tree.insert(vertex.co, row)
    tree.balance()
    inverse, skin = body.matrix_world.inverted_safe(), finger_share(body) >= MOSTLY
    return np.array([skin[tree.find(inverse @ Vector(place))[1]] for place in places], dtype=bool)


def _vertices(
    obj: bpy.types.Object, most: int, joints: dict[str, int], joint_count: int
) -> tuple[Float64Array, Float64Array]:
    """Some vertices of a posed mesh [N,3], world, and their weights [N,J], where there are any."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    group_joint = {g.index: joints[g.name] for g in obj.vertex_groups if g.name in joints}
    mesh = evaluated.to_mesh()
    try:
        count = len(mesh.vertices)
        places = np.empty(3 * count, dtype=np.float32)
        mesh.vertices.foreach_get("co", places)
        order = np.random.default_rng(SEED).permutation(count)[:most]
        chosen = np.sort(order)
        weights = np.zeros((len(chosen), joint_count))
        for row, vertex in enumerate(chosen):
            for group in mesh.vertices[int(vertex)].groups:
                if group.group in group_joint:
                    weights[row, group_joint[group.group]] += group.weight
    finally:
        evaluated.to_mesh_clear()
    total = weights.sum(axis=1)
    there = total > LEAST_WEIGHT
    matrix = np.array(evaluated.matrix_world, dtype=np.float64)
    world = places.reshape(-1, 3)[chosen[there]] @ matrix[:3, :3].T + matrix[:3, 3]
    return world, weights[there] / total[there, None]


def surface_of_body(
    body: bpy.types.Object,
    heads: Float64Array,
    tails: Float64Array,
    joints: IntArray,
    joint_count: int,
    fingers: bool,
) -> tuple[Float64Array, Float64Array]:
    """Points [K,3] on the canonical body's skin, canonical space, and weights [K,J] for the bones
    from heads [B,3] to tails [B,3]; joints [B]: which joint each goes with; fingers: whether these
    are solved."""
    vertices = np.empty(3 * len(body.data.vertices), dtype=np.float32)
    body.data.vertices.foreach_get("co", vertices)
    points = smpl_points_from_blender(vertices.reshape(-1, 3))
    weights = np.zeros((len(points), joint_count))
    for joint, weight in zip(joints, skin_weights(body, points, heads, tails).T, strict=True):
        weights[:, joint] += weight
    if not fingers:
        palm = finger_share(body) < MOSTLY
        points, weights = points[palm], weights[palm]
    chosen = _spread(weights, MOST_POINTS)
    return points[chosen], weights[chosen]


def _spread(weights: Float64Array, most: int) -> IntArray:
    """Rows of weights [N,J], at most as many, about as many for each joint that has any."""
    if len(weights) <= most:
        return np.arange(len(weights))
    part = weights.argmax(axis=1)
    rank = np.empty(len(part), dtype=np.int64)  # within its part: rows are in no order of place
    order = np.random.default_rng(SEED).permutation(len(part))
    order = order[np.argsort(part[order], kind="stable")]
    starts = np.searchsorted(part[order], part[order])
    rank[order] = np.arange(len(order)) - starts
    return np.sort(np.argsort(rank, kind="stable")[:most])
