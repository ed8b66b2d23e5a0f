# SPDX-License-Identifier: GPL-3.0-or-later
"""Normals of a point cloud, and their sign.

Estimation by the plane of the nearest neighbours, and signs handed on along the minimum spanning
tree of the cloud (Hoppe et al., 1992).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.spatial import cKDTree

from ....body.arrays import FloatArray

PLANE_NEIGHBOURS = 16
TREE_NEIGHBOURS = 8
DIRECTIONS = 300
CLEAR_VOTE = 0.5  # of -1 to 1: how much the outermost points must agree about their normals


def cloud_normals(points: FloatArray) -> FloatArray:
    """Unit normals [M,3] of points [M,3], without a meaningful sign."""
    count = min(PLANE_NEIGHBOURS, len(points))
    near = points[cKDTree(points).query(points, k=count)[1]]
    centred = near - near.mean(1, keepdims=True)
    return np.linalg.eigh(np.einsum("mka,mkb->mab", centred, centred))[1][:, :, 0]


def facing_outward(
    points: FloatArray, normals: FloatArray, orient: bool
) -> tuple[FloatArray, bool]:
    """Normals [M,3], turned outward as far as can be told, and whether it can.

    orient: their signs are arbitrary and are first made consistent; else all or none are turned.
    """
    if orient:
        normals = _consistent(points, normals)
    vote = outward_vote(points, normals)
    if vote < 0:
        normals = -normals
    return normals, abs(vote) >= CLEAR_VOTE


def outward_vote(points: FloatArray, normals: FloatArray) -> float:
    """From -1, all inward, to 1, all outward: what the outermost points in many directions say."""
    number = np.arange(DIRECTIONS) + 0.5
    height = 1 - 2 * number / DIRECTIONS
    angle = np.pi * (1 + 5**0.5) * number
    radius = np.sqrt(1 - height**2)
    directions = np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], 1)
    outermost = (points @ directions.T).argmax(0)
    cosines = np.einsum("kc,kc->k", normals[outermost], directions)
    return float(cosines.sum() / max(np.abs(cosines).sum(), 1e-12))


def _consistent(points: FloatArray, normals: FloatArray) -> FloatArray:
    """Normals whose signs agree between neighbours, the flattest ways first."""
    count = len(points)
    near = cKDTree(points).query(points, k=min(TREE_NEIGHBOURS + 1, count))[1][:, 1:]
    rows, columns = np.repeat(np.arange(count), near.shape[1]), near.ravel()
    bend = 1 - np.abs(np.einsum("nc,nc->n", normals[rows], normals[columns])) + 1e-6
    graph = coo_matrix((bend, (rows, columns)), shape=(count, count)).tocsr()
    tree = minimum_spanning_tree(graph.maximum(graph.T))
    result = normals.copy()
    for label in range(1 + (labels := connected_components(tree, directed=False)[1]).max()):
        members = np.flatnonzero(labels == label)
        top = members[points[members, 1].argmax()]
        result[top] *= 1 if result[top, 1] >= 0 else -1
        order, parents = breadth_first_order(tree, top, directed=False)
        for child in order[1:]:
            if result[child] @ result[parents[child]] < 0:
                result[child] = -result[child]
    return result
