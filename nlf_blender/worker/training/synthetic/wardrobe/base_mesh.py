# SPDX-License-Identifier: GPL-3.0-or-later
"""MakeHuman's base mesh, which clothes files are bound to, and the way from it to the open body.

The mesh has the open body's mean shape and stands in MakeHuman's rest pose (arms hanging down at
about 45 degrees). The open body's vertices are a part of it; the rest are helpers around the body
that clothes are bound to: a suit of tights, a skirt, hair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .....body.arrays import Float64Array
from .....body.body_data import BodyData
from ....assets import ASSETS

MAKEHUMAN_BASE = ASSETS / "makehuman_base.npz"
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BaseMesh:
    """vertices [M,3] in metres, SMPL's axes; kept [V]: which of them became
    the open body's vertices; nearest [M]: the open body's vertex that each one
    is, or for a helper the nearest one. rotations [J,3,3]: how each joint's part of the body is
    turned from MakeHuman's rest pose to the open body's."""

    vertices: Float64Array
    kept: IntArray
    nearest: IntArray
    rotations: Float64Array


def load_base_mesh(body: BodyData) -> BaseMesh:
    """The base mesh that ships, laid against the open body."""
    with np.load(MAKEHUMAN_BASE, allow_pickle=False) as data:
        vertices = data["vertices"] * float(data["step"])
        return base_mesh(vertices, data["open_vertices"].astype(np.int64), body)


def base_mesh(vertices: Float64Array, open_vertices: IntArray, body: BodyData) -> BaseMesh:
    """Base mesh [M,3] of which `open_vertices` [V] became the vertices of `body`."""
    nearest = _nearest(vertices, open_vertices, body)
    return BaseMesh(vertices, open_vertices, nearest, _turns(vertices[open_vertices], body))


def _nearest(vertices: Float64Array, open_vertices: IntArray, body: BodyData) -> IntArray:
    """For helpers: the nearest vertex of the skin, not one of an eye or the tongue."""
    skin = np.flatnonzero(_largest_component(body))
    tree = cKDTree(vertices[open_vertices[skin]])
    nearest = skin[tree.query(vertices)[1]]
    nearest[open_vertices] = np.arange(len(open_vertices))
    return nearest.astype(np.int64)


def _largest_component(body: BodyData) -> NDArray[np.bool_]:
    labels = components(body.faces, body.vertex_count)
    return labels == np.bincount(labels).argmax()


def components(faces: NDArray[np.integer], count: int) -> IntArray:
    """Label [count] of the connected part of the mesh that each vertex belongs to."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), tuple(edges.T)), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _turns(kept: Float64Array, body: BodyData) -> Float64Array:
    """Best rotation [J,3,3] of each joint's part (Kabsch 1976, weighted by skinning)."""
    turns = np.empty((body.joint_count, 3, 3))
    for joint, weights in enumerate(body.weights.T):
        weights = weights**2  # the middle of a part tells its turn, not its blended ends
        source = kept - np.average(kept, axis=0, weights=weights)
        target = body.v_template - np.average(body.v_template, axis=0, weights=weights)
        left, _, right = np.linalg.svd((target * weights[:, None]).T @ source)
        left[:, -1] *= np.sign(np.linalg.det(left @ right))
        turns[joint] = left @ right
    return turns
