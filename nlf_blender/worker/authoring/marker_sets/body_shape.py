# SPDX-License-Identifier: GPL-3.0-or-later
"""The open body in canonical pose, asked for its joints, its skin and its farthest points."""

from __future__ import annotations

import numpy as np

from ....body.arrays import Float64Array
from ....body.body_data import BodyData
from ...smpl.surface_normals import unit

EDGE = 1e-9  # a ray through an edge hits both of its triangles
SEPARATE = ("left_eye", "right_eye", "tongue")  # parts of the mesh that are no skin
SPOKES = 16  # rays across a finger that find its middle
ROUNDS = 4


class BodyShape:
    """A body's canonical vertices and joints, metres; left is +x, up +y, the front +z.

    ValueError if the body has no canonical points or no parts.
    """

    def __init__(self, body: BodyData) -> None:
        if body.canonical_vertices is None or body.canonical_joints is None:
            raise ValueError("the body's file has no canonical points")
        if body.vertex_part is None:
            raise ValueError("the body's file does not name its parts")
        self.vertices, self.joints = body.canonical_vertices, body.canonical_joints
        self.skeleton = body.skeleton
        self._part = np.array(body.part_names)[body.vertex_part]
        skin = ~np.isin(self._part, SEPARATE)
        self.skin_faces = body.faces[skin[body.faces].all(axis=1)]
        self._corners = self.vertices[self.skin_faces]

    def joint(self, name: str) -> Float64Array:
        """A joint's place [3]. ValueError for an unknown name."""
        return self.joints[self.skeleton.index(name)]

    def middle_of(self, part: str) -> Float64Array:
        """The middle [3] of a part's bounds."""
        points = self._of(part)
        return (points.min(axis=0) + points.max(axis=0)) / 2

    def farthest(
        self, direction: Float64Array, near: Float64Array, reach: float, part: str = ""
    ) -> Float64Array:
        """The skin's vertex [3] farthest in a direction, of those within `reach` of a point; or of
        a separate part. ValueError if none is."""
        points = self._of(part) if part else np.unique(self._corners.reshape(-1, 3), axis=0)
        points = points[np.linalg.norm(points - near, axis=1) <= reach]
        if not len(points):
            raise ValueError("no skin is within reach")
        return points[np.argmax(points @ direction)]

    def crossings(self, start: Float64Array, direction: Float64Array) -> Float64Array:
        """How far [C] a ray goes until it crosses the skin, in order (Möller and Trumbore, 1997).

        direction [3]: 1 long."""
        first, second = (self._corners[:, k] - self._corners[:, 0] for k in (1, 2))
        normal = np.cross(direction, second)
        determinant = np.einsum("fc,fc->f", first, normal)
        slanted = np.abs(determinant) > 1e-15
        scale = 1 / np.where(slanted, determinant, 1.0)
        from_corner = start - self._corners[:, 0]
        u = np.einsum("fc,fc->f", from_corner, normal) * scale
        across = np.cross(from_corner, first)
        v = across @ direction * scale
        distance = np.einsum("fc,fc->f", second, across) * scale
        inside = (u >= -EDGE) & (v >= -EDGE) & (u + v <= 1 + EDGE) & (distance > 0)
        return np.sort(distance[inside & slanted])

    def centred(self, point: Float64Array, axis: Float64Array) -> Float64Array:
        """A point inside a limb moved to the middle of the limb's section across `axis`."""
        across = unit(np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))]))
        other = np.cross(axis, across)
        for _ in range(ROUNDS):
            ends = [
                point + self._first(point, direction) * direction
                for angle in np.arange(SPOKES) * 2 * np.pi / SPOKES
                for direction in [np.cos(angle) * across + np.sin(angle) * other]
            ]
            pairs = np.array(ends).reshape(2, SPOKES // 2, 3)
            point = pairs.mean(axis=(0, 1))
        return point

    def _first(self, start: Float64Array, direction: Float64Array) -> float:
        found = self.crossings(start, direction)
        if not len(found):
            raise ValueError("the point is not inside the body")
        return float(found[0])

    def _of(self, part: str) -> Float64Array:
        return self.vertices[self._part == part]
