# SPDX-License-Identifier: GPL-3.0-or-later
"""Natural-neighbour (Sibson) weights in three dimensions: any point as a weighted sum of nodes.

Inserting a point into the Voronoi diagram of the nodes takes volume from the cells of its natural
neighbours; the shares of that volume are the weights (Sibson 1981). They are positive, continuous,
and reproduce the point itself. The volumes come from the compound signed decomposition of Watson
(2001): every Delaunay tetrahedron whose circumsphere holds the point adds signed tetrahedra between
its circumcentre and those of the point with its faces.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, vstack
from scipy.spatial import Delaunay

from ....body.arrays import Float64Array, IntArray

POINTS_PER_CHUNK = 32  # few enough that what is visited of all tetrahedra stays in a cache
JITTER = 1e-8  # of the nodes' extent
FLAT = 1e-30  # cubic metres; keeps the squares of far centres finite
# The corners of the face opposite each corner of a tetrahedron.
FACES = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])


def natural_neighbour_weights(
    nodes: Float64Array, points: Float64Array
) -> tuple[csr_matrix, Float64Array]:
    """The weights [K,V] of nodes [V,3] at points [K,3], rows summing to 1, and how far [K] the
    weighted sums of the nodes are from the points.

    That distance is rounding only, unless a point lies in the plane of a face nearby, where the
    decomposition loses its digits. It is infinite, and the weights are 0, outside of the nodes'
    convex hull. No two nodes may be at the same place.
    """
    # Mirror images of two nodes lie with them on any number of spheres, which leaves flat
    # tetrahedra between them; moved a little, no five lie on a sphere.
    size = float(np.ptp(nodes, axis=0).max())
    moved = np.random.default_rng(0).normal(size=nodes.shape) * (size * JITTER)
    nodes = nodes + moved
    mesh = Delaunay(nodes)
    centres, radii = _circumspheres(nodes[mesh.simplices])
    chunks = np.array_split(points, max(1, -(-len(points) // POINTS_PER_CHUNK)))
    weights = vstack([_weights(nodes, mesh, centres, radii, part) for part in chunks]).tocsr()
    outside = mesh.find_simplex(points) < 0
    missed = np.linalg.norm(weights @ nodes - points, axis=1)
    return weights, np.where(outside, np.inf, missed)


def _weights(
    nodes: Float64Array,
    mesh: Delaunay,
    centres: Float64Array,
    radii: Float64Array,
    points: Float64Array,
) -> csr_matrix:
    """As `natural_neighbour_weights`; centres [T,3] and radii [T] of the circumspheres."""
    point, tetrahedron = _around(mesh, centres, radii, points)
    corners = mesh.simplices[tetrahedron]
    apex = np.broadcast_to(points[point][:, None, None], (len(point), 4, 1, 3))
    through_faces = np.concatenate([apex, nodes[corners[:, FACES]]], axis=2)
    spread = _circumspheres(through_faces)[0] - centres[tetrahedron][:, None]
    # Signed volumes of the centre with those through the three faces at a corner.
    volumes = np.linalg.det(spread[:, FACES])
    volumes *= np.array([1.0, -1.0, 1.0, -1.0])  # all faces turned the same way
    edges = nodes[corners[:, 1:]] - nodes[corners[:, :1]]
    volumes *= np.sign(np.linalg.det(edges))[:, None]
    shape = (len(points), len(nodes))
    rows = np.repeat(point, 4)
    taken = coo_matrix((volumes.ravel(), (rows, corners.ravel())), shape=shape).tocsr()
    total = np.asarray(taken.sum(axis=1))[:, 0]
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total != 0)
    taken.data *= np.repeat(scale, np.diff(taken.indptr))
    return taken


def _around(
    mesh: Delaunay, centres: Float64Array, radii: Float64Array, points: Float64Array
) -> tuple[IntArray, IntArray]:
    """Pairs (point, tetrahedron) of points and the tetrahedra whose circumspheres hold them: those
    are connected, so they are found from the one around the point."""
    start = mesh.find_simplex(points)
    frontier = np.flatnonzero(start >= 0)
    tetrahedron = start[frontier]
    found = np.zeros((len(points), len(mesh.simplices)), bool)
    found[frontier, tetrahedron] = True
    while len(frontier):
        near = mesh.neighbors[tetrahedron].ravel()
        point = np.repeat(frontier, 4)
        new = (near >= 0) & ~found[point, near]
        point, near = point[new], near[new]
        held = np.linalg.norm(points[point] - centres[near], axis=1) < radii[near]
        pairs = np.unique(point[held] * found.shape[1] + near[held])  # met from several sides
        frontier, tetrahedron = np.divmod(pairs, found.shape[1])
        found[frontier, tetrahedron] = True
    return np.nonzero(found)


def _circumspheres(corners: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Centres [...,3] and radii [...] of the spheres through corners [...,4,3]; of flat ones, very
    far."""
    edges = corners[..., 1:, :] - corners[..., :1, :]
    squares = (edges**2).sum(axis=-1)
    a, b, c = edges[..., 0, :], edges[..., 1, :], edges[..., 2, :]
    across = (
        squares[..., :1] * np.cross(b, c)
        + squares[..., 1:2] * np.cross(c, a)
        + squares[..., 2:] * np.cross(a, b)
    )
    volume = (a * np.cross(b, c)).sum(axis=-1, keepdims=True)
    safe = np.where(np.abs(volume) < FLAT, FLAT, volume)
    offset = across / (2 * safe)
    return corners[..., 0, :] + offset, np.linalg.norm(offset, axis=-1)
