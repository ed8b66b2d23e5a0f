# SPDX-License-Identifier: GPL-3.0-or-later
"""A tetrahedral mesh of the left half of a symmetric body.

Delaunay tetrahedra of surface points and of a body-centred cubic lattice inside; those that lie
within the union of the surface's components are kept. Unlike a mesher that needs a clean boundary,
this does not mind that the components overlap and that folds of skin touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, cKDTree

from ...training.points.winding import winding_numbers

Array = NDArray[np.floating]
LATTICE = 0.0145  # metres, edge of the cubic cell: neighbours are 0.87 of it apart
LONGEST_EDGE = 0.02
CLEARANCE = 0.5  # of LATTICE: lattice points nearer to a surface point are left out
ON_MIDDLE = 1e-6
FLATTEST = 1e-4  # of the volume of a lattice tetrahedron
# Where a tetrahedron is probed: its centre, and this far from there to the middle of each edge.
PROBE_REACH = 0.7


@dataclass(frozen=True)
class HalfVolume:
    """nodes [N,3] with x >= 0; tetrahedra [T,4] of positive volume; triangles [F,3]: the half's
    skin, as nodes; used [N]: nodes that some tetrahedron has."""

    nodes: Array
    tetrahedra: NDArray[np.int64]
    triangles: NDArray[np.int64]
    used: NDArray[np.bool_]

    @property
    def on_middle(self) -> NDArray[np.bool_]:
        """Nodes [N] on the plane of symmetry."""
        return self.nodes[:, 0] <= ON_MIDDLE


def half_volume(vertices: Array, faces: NDArray[np.integer]) -> HalfVolume:
    """The left half (x >= 0) of the closed, symmetric surfaces vertices [V,3], faces [F,3]."""
    skin_nodes, triangles = left_half(*refined(vertices, faces, LONGEST_EDGE))
    lattice = _lattice(vertices)
    free = cKDTree(skin_nodes).query(lattice)[0] > CLEARANCE * LATTICE
    lattice = lattice[free]
    lattice = lattice[winding_numbers(lattice, vertices, faces) > 0]
    nodes = np.concatenate([skin_nodes, lattice])
    tetrahedra = _oriented(nodes, Delaunay(nodes).simplices.astype(np.int64))
    tetrahedra = tetrahedra[_inside(nodes[tetrahedra], vertices, faces)]
    tetrahedra = _largest_piece(tetrahedra, len(nodes))
    used = np.zeros(len(nodes), bool)
    used[tetrahedra] = True
    return HalfVolume(nodes, tetrahedra, triangles, used)


def refined(
    vertices: Array, faces: NDArray[np.integer], longest: float
) -> tuple[Array, NDArray[np.int64]]:
    """Triangles with an edge above `longest` cut into four, until there are none.

    Neighbours of a cut triangle stay whole: the points matter here, not a closed surface.
    """
    points, triangles = vertices.astype(np.float64), faces.astype(np.int64)
    while True:
        corners = points[triangles]
        lengths = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
        long = lengths.max(1) > longest
        if not long.any():
            return points, triangles
        cut = triangles[long]
        edges = np.sort(np.stack([cut, np.roll(cut, -1, axis=1)], axis=-1), axis=-1)
        unique, middle = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
        ab, bc, ca = (middle.reshape(-1, 3) + len(points)).T
        a, b, c = cut.T
        quarters = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        points = np.concatenate([points, points[unique].mean(1)])
        new = np.concatenate([np.stack(quarter, axis=1) for quarter in quarters])
        triangles = np.concatenate([triangles[~long], new])


def left_half(points: Array, triangles: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """The points with x >= 0 that its triangles use, the middle ones at exactly 0; renumbered.

    Points cut out of edges twice, once per neighbour, become one.
    """
    keep = (points[triangles][..., 0] >= -ON_MIDDLE).all(1)
    used, numbers = np.unique(triangles[keep], return_inverse=True)
    half = points[used]
    half[half[:, 0] <= ON_MIDDLE, 0] = 0.0
    merged, index = np.unique(np.round(half, 9), axis=0, return_inverse=True)
    return merged, index.ravel()[numbers.reshape(-1, 3)]


def _lattice(vertices: Array) -> Array:
    """Body-centred cubic lattice points over the left half's box, its middle plane included."""
    low, high = vertices.min(0), vertices.max(0)
    starts = np.array([0.0, low[1], low[2]])
    counts = np.ceil((high - starts) / LATTICE).astype(int) + 1
    cubes = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3)
    return starts + LATTICE * np.concatenate([cubes, cubes + 0.5])


def _oriented(nodes: Array, tetrahedra: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tetrahedra turned to positive volume, flat ones left out."""
    volume = signed_volumes(nodes[tetrahedra])
    tetrahedra = np.where((volume < 0)[:, None], tetrahedra[:, [1, 0, 2, 3]], tetrahedra)
    return tetrahedra[np.abs(volume) > FLATTEST * LATTICE**3 / 12]


def signed_volumes(corners: Array) -> Array:
    """Volumes [T] of tetrahedra [T,4,3], positive where the last three turn left seen from the
    first one's far side."""
    return np.linalg.det(corners[:, 1:] - corners[:, :1]) / 6


def _inside(corners: Array, vertices: Array, faces: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which tetrahedra [T,4,3] lie inside: probed in the middle and toward all six edges."""
    centre = corners.mean(1)
    probes = [centre]
    for first in range(4):
        for second in range(first):
            middle = (corners[:, first] + corners[:, second]) / 2
            probes.append(centre + PROBE_REACH * (middle - centre))
    numbers = winding_numbers(np.concatenate(probes), vertices, faces)
    return (numbers.reshape(len(probes), -1) > 0).all(0)


def _largest_piece(tetrahedra: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The tetrahedra of the largest connected piece: one body has one constant function."""
    pairs = np.concatenate([tetrahedra[:, [0, i]] for i in (1, 2, 3)])
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    labels = label[tetrahedra[:, 0]]
    return tetrahedra[labels == np.argmax(np.bincount(labels))]
