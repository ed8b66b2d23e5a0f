# SPDX-License-Identifier: GPL-3.0-or-later
"""A body's pool of canonical points: its joints, and points spread over its surface and inside.

Every point is a weighted sum of the body's vertices and joints, the same sum in every shape and
pose (paper section 3.3), so its true place is known wherever the body is. A surface point weighs
the corners of its triangle; an inner one its natural neighbours among vertices, joints and points
along the bones, which themselves lie between two joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ....body.arrays import Float64Array, IntArray

SURFACE_SHARE = 640 / 1024  # of the sampled points that are no joints


@dataclass(frozen=True, eq=False)
class PointPool:
    """K points of a body with V vertices and J joints.

    places: [K,3] metres, canonical space of the open body. weights: [K,V+J] of vertices, then
    joints, rows summing to 1. mirror: [K], each point's mirror image, or None if the body's mesh
    has none; with it, places are exactly symmetric. vertex_places: [V,3], the body's vertices in
    canonical space. The first `joints` points are the body's
    joints in their order, the next `landmarks` BlazePose's landmarks, the next `surface` lie on the
    skin; the rest is inside.
    """

    places: Float64Array
    weights: csr_matrix
    mirror: IntArray | None
    vertex_places: Float64Array
    joints: int
    landmarks: int
    surface: int

    def __len__(self) -> int:
        return len(self.places)

    @property
    def landmark_rows(self) -> IntArray:
        """The rows of BlazePose's landmarks."""
        return np.arange(self.joints, self.joints + self.landmarks)

    def sample(self, random: np.random.Generator, count: int) -> IntArray:
        """Rows [count] or one less: all joints, then points of the surface and inside, closed under
        mirroring where the pool is. ValueError if there is no room for the joints."""
        others = count - self.joints
        if others < 0:
            raise ValueError(f"{count} points are fewer than the body's {self.joints} joints")
        first = self.joints + self.landmarks
        inside = first + self.surface
        on_surface = round(others * SURFACE_SHARE)
        return np.concatenate(
            [
                np.arange(self.joints),
                self._draw(random, first, inside, on_surface),
                self._draw(random, inside, len(self), others - on_surface),
            ]
        )

    def positions(self, rows: IntArray, nodes: NDArray) -> Float64Array:
        """Points [R,3] of pool rows [R] on a body whose vertices, then joints, are [V+J,3]."""
        return self.weights[rows] @ nodes

    def _draw(self, random: np.random.Generator, start: int, end: int, count: int) -> IntArray:
        """About `count` rows from `start` up to `end`, none twice."""
        if self.mirror is None:
            return start + random.permutation(end - start)[:count]
        rows = np.arange(start, end)
        one_side = rows[rows < self.mirror[rows]]
        drawn = random.permutation(one_side)[: round(count / 2)]
        return np.concatenate([drawn, self.mirror[drawn]])
