# SPDX-License-Identifier: GPL-3.0-or-later
"""The exact closest point of a triangle mesh to each of many points.

Triangles are sorted into classes of like size, each with a k-d tree of centroids. A triangle is
never nearer than its centroid less its radius, so a class is searched, nearest centroid first,
until that bound has passed the distance already found. A few large triangles among many small
ones, as in scans, then do not widen the search among the small ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from ...body.arrays import Float64Array, FloatArray, IntArray

FIRST_NEIGHBOURS = 8  # centroids that are looked at first; four times as many where not enough
MOST_PAIRS = 1 << 20  # of a point and a triangle at once, so that memory stays below about 0.5 GB
SIZE_RATIO = 2.0  # largest to smallest radius within a class


class SurfacePoints(NamedTuple):
    """Points on a mesh: positions [N,3]; face [N]; barycentric [N,3], weights of the face's
    corners, each from 0 to 1; distances [N] from the points that were asked for."""

    positions: Float64Array
    face: IntArray
    barycentric: Float64Array
    distances: Float64Array


class _SizeClass(NamedTuple):
    """Triangles of like size: their indices [K], radii [K] about their centroids, and the tree."""

    faces: IntArray
    radii: Float64Array
    tree: cKDTree


class ClosestSurface:
    """A triangle mesh that finds its closest points; any unit of length.

    vertices [V,3], faces [F,3] vertex indices. Triangles without area count as the segment or the
    point that they are. ValueError for a mesh without triangles or with vertices not finite.
    """

    def __init__(self, vertices: FloatArray, faces: IntArray) -> None:
        if len(faces) == 0:
            raise ValueError("a mesh without triangles has no surface")
        self.corners = np.asarray(vertices, dtype=np.float64)[faces]
        if not np.isfinite(self.corners).all():
            raise ValueError("the mesh has vertices that are not finite")
        centroids = self.corners.mean(axis=1)
        radii = np.linalg.norm(self.corners - centroids[:, None], axis=2).max(axis=1)
        size = np.floor(np.log(np.maximum(radii, np.finfo(float).tiny)) / np.log(SIZE_RATIO))
        self._classes = [
            _SizeClass(chosen, radii[chosen], cKDTree(centroids[chosen]))
            for chosen in (np.flatnonzero(size == value) for value in np.unique(size))
        ]
        # the largest class first: its distances bound the search in the others
        self._classes.sort(key=lambda size_class: -len(size_class.faces))

    def query(self, points: FloatArray) -> SurfacePoints:
        """The closest surface point to each of points [N,3]. ValueError if some are not finite."""
        wanted = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        if not np.isfinite(wanted).all():
            raise ValueError("some points are not finite")
        best = SurfacePoints(
            np.zeros((len(wanted), 3)),
            np.zeros(len(wanted), dtype=np.int64),
            np.zeros((len(wanted), 3)),
            np.full(len(wanted), np.inf),
        )
        for size_class in self._classes:
            self._search(wanted, size_class, best)
        return best

    def _search(self, points: Float64Array, size_class: _SizeClass, best: SurfacePoints) -> None:
        """Improve `best` by the triangles of one class."""
        count = len(size_class.faces)
        pending = np.arange(len(points))
        seen, neighbours = 0, min(FIRST_NEIGHBOURS, count)
        while len(pending):
            left = []
            step = max(1, MOST_PAIRS // neighbours)
            for start in range(0, len(pending), step):
                chosen = pending[start : start + step]
                reach, index = size_class.tree.query(points[chosen], k=range(1, neighbours + 1))
                self._compare(points, chosen, size_class, reach[:, seen:], index[:, seen:], best)
                passed = reach[:, -1] - size_class.radii.max() > best.distances[chosen]
                left.append(chosen[~passed])
            if neighbours == count:
                return
            pending = np.concatenate(left)
            seen, neighbours = neighbours, min(4 * neighbours, count)

    def _compare(
        self,
        points: Float64Array,
        chosen: IntArray,
        size_class: _SizeClass,
        reach: Float64Array,
        index: IntArray,
        best: SurfacePoints,
    ) -> None:
        """Improve `best` of the chosen points by triangles index [C,K], centroids reach [C,K] away.

        The nearest centroid goes first: it mostly rules the others out.
        """
        for columns in (slice(0, 1), slice(1, None)):
            bound = reach[:, columns] - size_class.radii[index[:, columns]]
            row, column = np.nonzero(bound < best.distances[chosen][:, None])
            if not len(row):
                continue
            face = size_class.faces[index[:, columns][row, column]]
            wanted = points[chosen[row]]
            barycentric = closest_barycentric(wanted, self.corners[face])
            positions = np.einsum("nk,nkc->nc", barycentric, self.corners[face])
            distances = np.linalg.norm(positions - wanted, axis=1)
            order = np.lexsort((distances, row))
            first = order[np.unique(row[order], return_index=True)[1]]
            better = first[distances[first] < best.distances[chosen[row[first]]]]
            at = chosen[row[better]]
            best.positions[at] = positions[better]
            best.face[at] = face[better]
            best.barycentric[at] = barycentric[better]
            best.distances[at] = distances[better]


def closest_barycentric(points: Float64Array, corners: Float64Array) -> Float64Array:
    """Barycentric weights [N,3] of the point of each triangle [N,3,3] closest to each point [N,3].

    It is the foot of the perpendicular if that is inside the triangle, else the closest point of
    an edge. All four are compared by their distances, so that slivers, where the perpendicular's
    weights have no digits left, still give a point of the triangle.
    """
    candidates = np.zeros((4, len(points), 3))
    candidates[3] = _perpendicular_foot(points, corners)
    for edge in range(3):
        start, end = corners[:, edge], corners[:, (edge + 1) % 3]
        along = end - start
        squared = np.einsum("nc,nc->n", along, along)
        share = np.einsum("nc,nc->n", points - start, along) / np.where(squared > 0, squared, 1.0)
        share = np.clip(share, 0.0, 1.0)
        candidates[edge, :, edge] = 1 - share
        candidates[edge, :, (edge + 1) % 3] = share
    difference = np.einsum("enk,nkc->enc", candidates, corners) - points
    nearest = np.argmin(np.einsum("enc,enc->en", difference, difference), axis=0)
    return candidates[nearest, np.arange(len(points))]


def _perpendicular_foot(points: Float64Array, corners: Float64Array) -> Float64Array:
    """Barycentric weights [N,3] of the feet inside the triangles; of the first corner elsewhere."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(first, second)
    squared = np.einsum("nc,nc->n", normal, normal)
    safe = np.where(squared > 0, squared, 1.0)
    offset = points - corners[:, 0]
    at_second = np.einsum("nc,nc->n", np.cross(offset, second), normal) / safe
    at_third = np.einsum("nc,nc->n", np.cross(first, offset), normal) / safe
    weights = np.stack([1 - at_second - at_third, at_second, at_third], axis=1)
    inside = (weights >= 0).all(axis=1) & (squared > 0)
    return np.where(inside[:, None], weights, (1.0, 0.0, 0.0))
