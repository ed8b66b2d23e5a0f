# SPDX-License-Identifier: GPL-3.0-or-later
"""What a marker snaps to: joints, the middles of bones, and vertices of a canonical body."""

from __future__ import annotations

from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix

from ...body.arrays import Float64Array
from ...body.conventions import smpl_points_from_blender
from .canonical_body import joints_of

PIXELS = 14.0  # at scale 1, from the mouse
SAME_SURFACE = 0.03  # metres behind the nearest vertex under the mouse: those are of its surface


class Target(NamedTuple):
    """position [3]: canonical, metres; label: what it is, in words."""

    position: Float64Array
    label: str


class Screen(NamedTuple):
    """matrix: from the world to the view's clip space; size: the region's, in pixels; direction
    [3]: of the view at the mouse, in the world."""

    matrix: Matrix
    size: tuple[float, float]
    direction: Float64Array

    def pixels(self, to_world: Matrix, points: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Where points [K,3] of an object are seen [K,2], NaN for those behind the viewer, and
        their depths [K] in clip space, which order them from the front to the back."""
        matrix = np.array(self.matrix @ to_world, dtype=np.float64)
        clip = points @ matrix[:, :3].T + matrix[:, 3]
        w = np.where(clip[:, 3] > 0, clip[:, 3], np.nan)
        seen = (clip[:, :2] / w[:, None] * 0.5 + 0.5) * np.array(self.size)
        return seen, clip[:, 2] / w


class SnapTargets:
    """The targets of one canonical body; made once for all moves of a mouse."""

    def __init__(self, body: bpy.types.Object) -> None:
        self._body = body
        names, joints, bones = joints_of(body)
        middles = [(joints[parent] + joints[child]) / 2 for parent, child in bones]
        self._inner = np.concatenate([joints, np.array(middles).reshape(-1, 3)])
        self._labels = [f"joint {name}" for name in names]
        self._labels += [f"middle of {names[a]} - {names[b]}" for a, b in bones]
        count = len(body.data.vertices)
        places, normals = (np.empty(3 * count, dtype=np.float32) for _ in range(2))
        body.data.vertices.foreach_get("co", places)
        body.data.vertex_normals.foreach_get("vector", normals)
        self._vertices = places.reshape(-1, 3).astype(np.float64)
        self._normals = normals.reshape(-1, 3)

    def nearest(
        self, screen: Screen, mouse: tuple[float, float], pixels: float = PIXELS
    ) -> Target | None:
        """What is nearest to the mouse on the screen: a joint or the middle of a bone, else a
        vertex of the surface in front; None if nothing is within so many pixels."""
        inner = self._near_inner(screen, mouse, pixels)
        return inner or self._near_vertex(screen, mouse, pixels)

    def _near_inner(
        self, screen: Screen, mouse: tuple[float, float], pixels: float
    ) -> Target | None:
        if not len(self._inner):
            return None
        seen, _ = screen.pixels(self._body.matrix_world, self._inner)
        off = np.nan_to_num(np.linalg.norm(seen - mouse, axis=1), nan=np.inf)
        best = int(np.argmin(off))
        if off[best] > pixels:
            return None
        return Target(smpl_points_from_blender(self._inner[best]), self._labels[best])

    def _near_vertex(
        self, screen: Screen, mouse: tuple[float, float], pixels: float
    ) -> Target | None:
        world = self._body.matrix_world
        seen, _ = screen.pixels(world, self._vertices)
        off = np.nan_to_num(np.linalg.norm(seen - mouse, axis=1), nan=np.inf)
        way = np.array(world.to_3x3().inverted_safe()) @ screen.direction
        way = way / np.linalg.norm(way)
        near = np.flatnonzero((off <= pixels) & (self._normals @ way < 0))
        if not len(near):
            return None
        behind = self._vertices[near] @ way
        near = near[behind <= behind.min() + SAME_SURFACE]
        best = int(near[np.argmin(off[near])])
        return Target(smpl_points_from_blender(self._vertices[best]), f"vertex {best}")
