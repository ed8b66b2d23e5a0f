# SPDX-License-Identifier: GPL-3.0-or-later
"""From a body's own canonical space into a model's, for points on, in and near the body."""

from __future__ import annotations

import functools

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import cKDTree

from ....body.arrays import Float64Array, IntArray
from .mirror_map import MIRROR


class CanonicalMap:
    """A continuous map that takes a body's own points to where they are placed.

    Displacements are linear within the tetrahedra between the points (their Delaunay
    tetrahedralization), as inside the body where no vertex is; beyond the outermost points, that of
    the closest one.
    """

    def __init__(
        self, own: Float64Array, placed: Float64Array, mirror: IntArray | None = None
    ) -> None:
        """own, placed [N,3] metres; mirror [N]: each point's other side. With it, the map of a
        mirrored point is the mirror image of the map."""
        self.own, self.moves, self.mirror = own, placed - own, mirror

    def map(self, points: Float64Array) -> Float64Array:
        """Points [K,3] of the own canonical space in the model's. ValueError if not finite."""
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        if not np.isfinite(points).all():
            raise ValueError("some points are not finite")
        if not self.moves.any():
            return points.copy()
        moves = self._displacement(points)
        if self.mirror is not None:
            moves = (moves + self._displacement(points * MIRROR) * MIRROR) / 2
        return points + moves

    def _displacement(self, points: Float64Array) -> Float64Array:
        moves = self._tetrahedra(points)
        outside = np.isnan(moves).any(axis=1)
        if outside.any():
            moves[outside] = self.moves[self._tree.query(points[outside])[1]]
        return moves

    @functools.cached_property
    def _tetrahedra(self) -> LinearNDInterpolator:
        return LinearNDInterpolator(self.own, self.moves)

    @functools.cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.own)
