# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vertex of a body is which other's mirror image in x, found from their places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from ....body.arrays import Float64Array, IntArray

MIRROR = np.array([-1.0, 1.0, 1.0])
CANDIDATES = 12  # nearest vertices among which each one's mirror image is sought
CONTESTED = 4  # nearest mirror images of a vertex left over that may be another's, too
# Metres. A mean person's sides differ by less; a scan's or a statue's by more.
MOST_MEAN_DISTANCE, MOST_DISTANCE = 0.004, 0.02
# Of edges that are edges on the other side too. Quads may be cut along either diagonal, which is
# one edge in three; a map between unlike meshes keeps few edges at all.
LEAST_EDGES_KEPT = 0.6
LEAST_WEIGHT = 1e-9  # metres; the solver takes a cost of 0 for no edge


@dataclass(frozen=True)
class MirrorMap:
    """index [V]: each vertex's other side; distance: mean metres between it and the mirror image;
    edges_kept: the share of the mesh's edges that are edges on the other side."""

    index: IntArray
    distance: float
    edges_kept: float


def find_mirror(vertices: Float64Array, faces: IntArray) -> MirrorMap | None:
    """The one-to-one map of least total distance, or None if the mesh is not symmetric in x.

    vertices [V,3] metres, faces [F,3]. The official release's canonical body is made symmetric by
    the same assignment.
    """
    index = _assignment(vertices)
    if index is None:
        return None
    distances = np.linalg.norm(vertices * MIRROR - vertices[index], axis=1)
    kept = _edges_kept(faces, index)
    if distances.mean() > MOST_MEAN_DISTANCE or distances.max() > MOST_DISTANCE:
        return None
    return MirrorMap(index, float(distances.mean()), kept) if kept >= LEAST_EDGES_KEPT else None


def symmetrized(points: Float64Array, index: IntArray) -> Float64Array:
    """Points [N,3] averaged with the mirror images of those of the other side, index [N]."""
    return (points + points[index] * MIRROR) / 2


def _assignment(vertices: Float64Array) -> IntArray | None:
    """For each vertex [V] another's number, all different; None if nearby ones do not suffice.

    Two whose mirror images are each other's nearest are a pair; only where some are left over are
    these and the pairs around them weighed against each other.
    """
    count = len(vertices)
    tree = cKDTree(vertices)
    gaps, near = tree.query(vertices * MIRROR, k=range(1, min(CONTESTED, count) + 1))
    if gaps[:, 0].mean() > MOST_MEAN_DISTANCE or gaps[:, 0].max() > MOST_DISTANCE:
        return None  # no map can be nearer
    nearest = near[:, 0].astype(np.int64)
    alone = np.flatnonzero(nearest[nearest] != np.arange(count))
    if not len(alone):
        return nearest
    around = np.unique(near[alone])
    around = around[nearest[nearest[around]] == around]
    left = np.unique(np.concatenate([alone, around, nearest[around]]))
    neighbours = range(1, min(CANDIDATES, len(left)) + 1)
    distance, index = cKDTree(vertices[left]).query(vertices[left] * MIRROR, k=neighbours)
    rows = np.repeat(np.arange(len(left)), len(neighbours))
    entries = np.maximum(distance, LEAST_WEIGHT).ravel(), (rows, index.ravel())
    graph = sparse.csr_matrix(entries, (len(left), len(left)))
    try:
        nearest[left] = left[min_weight_full_bipartite_matching(graph)[1]]
    except ValueError:  # no assignment of all vertices to candidates
        return None
    return nearest


def _edges_kept(faces: IntArray, index: IntArray) -> float:
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)

    def codes(pairs: IntArray) -> IntArray:
        return np.unique(np.sort(pairs, axis=1) @ np.array([len(index), 1]))

    own = codes(edges)
    return float(np.isin(codes(index[edges]), own).sum() / len(own))
