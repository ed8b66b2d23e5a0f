# SPDX-License-Identifier: GPL-3.0-or-later
"""Other vertices and triangles for the same surface."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from nlf_blender.body.body_data import BodyData

CELL = 0.016  # metres: the vertices within a cube of this size become one
SMALLEST_COMPONENT_KEPT = 1000  # vertices: the body alone stays, without tongue and eyes


def fewer_vertices(body: BodyData) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [V2] of the body and triangles [F2,3] of these, by clustering (Rossignac and
    Borrel, 1993): within a part, the vertices of a cube become the one nearest their middle."""
    faces = body.faces
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), (body.vertex_count,) * 2)
    component = connected_components(graph, directed=False)[1]
    kept = (np.bincount(component) >= SMALLEST_COMPONENT_KEPT)[component]
    cell = np.floor(body.v_template / CELL).astype(np.int64)
    keys = np.column_stack([cell, body.weights.argmax(axis=1), kept])
    cluster = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    count = np.bincount(cluster)
    middle = (
        np.stack([np.bincount(cluster, axis) for axis in body.v_template.T], 1) / count[:, None]
    )
    distance = np.linalg.norm(body.v_template - middle[cluster], axis=1)
    order = np.lexsort((distance, cluster))
    choice = order[np.unique(cluster[order], return_index=True)[1]]
    triangles = cluster[faces[kept[faces].all(axis=1)]]
    different = (triangles != np.roll(triangles, 1, axis=1)).all(axis=1)
    triangles = triangles[different]
    triangles = triangles[np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)[1]]
    used = np.unique(triangles)
    return choice[used], np.searchsorted(used, triangles)


def split_edges(
    vertices: np.ndarray, faces: np.ndarray, longest: float
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Halve all edges longer than `longest`: a matrix [V2,V], old vertices first, and [F2,3]."""
    edges = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2)  # [F,3,2]: corner i to i+1
    numbers = np.sort(edges, axis=2).reshape(-1, 2)
    pairs, of_face = np.unique(numbers, axis=0, return_inverse=True)
    is_long = np.linalg.norm(np.diff(vertices[pairs], axis=1)[:, 0], axis=1) > longest
    halved = pairs[is_long]
    number = np.where(is_long, len(vertices) + np.cumsum(is_long) - 1, -1)
    middles = number[of_face.reshape(-1, 3)]
    result = [faces[(middles < 0).all(axis=1)]]
    for turn in range(3):  # each pattern once, turned so that its odd edge comes first
        corner, middle = np.roll(faces, -turn, axis=1), np.roll(middles, -turn, axis=1)
        split = middle >= 0
        result += _halves(corner, middle, split[:, 0] & ~split[:, 1] & ~split[:, 2])
        result += _thirds(corner, middle, ~split[:, 0] & split[:, 1] & split[:, 2])
    result += _quarters(faces, middles, (middles >= 0).all(axis=1))
    rows = np.repeat(np.arange(len(halved)), 2)
    added = sparse.csr_matrix(
        (np.full(len(rows), 0.5), (rows, halved.ravel())), (len(halved), len(vertices))
    )
    return sparse.vstack([sparse.identity(len(vertices)), added]).tocsr(), np.concatenate(result)


def _halves(corner: np.ndarray, middle: np.ndarray, chosen: np.ndarray) -> list[np.ndarray]:
    (a, b, c), m = corner[chosen].T, middle[chosen, 0]
    return [np.column_stack(three) for three in ((a, m, c), (m, b, c))]


def _thirds(corner: np.ndarray, middle: np.ndarray, chosen: np.ndarray) -> list[np.ndarray]:
    (a, b, c), (_, m, n) = corner[chosen].T, middle[chosen].T
    return [np.column_stack(three) for three in ((a, b, m), (a, m, n), (n, m, c))]


def _quarters(corner: np.ndarray, middle: np.ndarray, chosen: np.ndarray) -> list[np.ndarray]:
    (a, b, c), (m, n, o) = corner[chosen].T, middle[chosen].T
    four = ((a, m, o), (m, b, n), (o, n, c), (m, n, o))
    return [np.column_stack(three) for three in four]


def barycentric_matrix(
    corners: np.ndarray, barycentric: np.ndarray, body: BodyData
) -> sparse.csr_matrix:
    """[N,V]: points as weighted means of the vertices `corners` [N,3] of a body."""
    rows = np.repeat(np.arange(len(corners)), 3)
    entries = (barycentric.ravel(), (rows, corners.ravel()))
    return sparse.csr_matrix(entries, (len(corners), body.vertex_count))
