# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a ray meets a canonical body, and how deep under its skin a point is.

Blender keeps the tree of a mesh's triangles that answers this, until the mesh changes.
"""

from __future__ import annotations

from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Vector

from ...body.arrays import Float64Array
from ...body.conventions import blender_points_from_smpl, smpl_points_from_blender

STEP = 1e-5  # metres beyond a hit, where the search goes on
MOST_HITS = 64


class Pierced(NamedTuple):
    """Where a ray enters a body and where it leaves it [3], canonical, metres."""

    front: Float64Array
    back: Float64Array

    @property
    def thickness(self) -> float:
        """Metres of canonical space in between."""
        return float(np.linalg.norm(self.back - self.front))

    def at(self, share: float) -> Float64Array:
        """The point [3] at a share of the way, 0 at the front to 1 at the back."""
        return self.front + share * (self.back - self.front)

    def share_of(self, point: Float64Array) -> float:
        """The share of the way at which a point [3] is, as near as the ray comes to it, 0 to 1."""
        way = self.back - self.front
        length = float(way @ way)
        return float(np.clip((point - self.front) @ way / length, 0.0, 1.0)) if length else 0.0


def pierce(
    body: bpy.types.Object,
    origin: Float64Array,
    direction: Float64Array,
    depsgraph: bpy.types.Depsgraph,
) -> Pierced | None:
    """The first way of a ray, in world space, through a canonical body; None if it misses it.

    Where surfaces lie within each other, as eyes in a head, the way ends where the outermost is
    left. A surface that is not closed ends it at the last hit.
    """
    start, way = _local_ray(body, origin, direction)
    front: Vector | None = None
    back, inside = start, 0
    for _ in range(MOST_HITS):
        hit, place, normal, _ = body.ray_cast(start, way, depsgraph=depsgraph)
        if not hit:
            break
        front = place if front is None else front
        back = place
        inside += 1 if normal.dot(way) < 0 else -1
        if inside <= 0:
            break
        start = place + STEP * way
    return None if front is None else Pierced(_canonical(front), _canonical(back))


def _local_ray(
    body: bpy.types.Object, origin: Float64Array, direction: Float64Array
) -> tuple[Vector, Vector]:
    """The ray in the body's own space. It begins near the body: a view without perspective begins
    a thousand metres away, from where single precision hits tenths of a millimetre beside."""
    to_local = np.array(body.matrix_world.inverted_safe(), dtype=np.float64)
    start = to_local[:3, :3] @ origin + to_local[:3, 3]
    way = to_local[:3, :3] @ direction
    way = way / np.linalg.norm(way)
    corners = np.array(body.bound_box, dtype=np.float64)
    middle, radius = corners.mean(axis=0), float(np.ptp(corners, axis=0).max())
    ahead = float((middle - start) @ way) - radius
    return Vector(start + max(ahead, 0.0) * way), Vector(way)


class Skin(NamedTuple):
    """The point of the surface [3] closest to a point, its normal [3] outwards, and how deep under
    it the point is: metres, negative outside."""

    point: Float64Array
    normal: Float64Array
    depth: float


def closest_skin(
    body: bpy.types.Object, position: Float64Array, depsgraph: bpy.types.Depsgraph
) -> Skin | None:
    """The surface nearest to a canonical position [3]; None for a body without triangles."""
    local = Vector(blender_points_from_smpl(position))
    found, place, normal, _ = body.closest_point_on_mesh(local, depsgraph=depsgraph)
    if not found:
        return None
    away = local - place
    depth = away.length if away.dot(normal) <= 0 else -away.length
    return Skin(_canonical(place), _canonical(normal), depth)


def at_depth(skin: Skin, position: Float64Array, depth: float) -> Float64Array:
    """A position [3] moved on its own line to the skin, to be so many metres under it."""
    inwards = -skin.normal
    if abs(skin.depth) > STEP:
        inwards = (position - skin.point) / skin.depth
    return skin.point + depth * inwards


def _canonical(point: Vector) -> Float64Array:
    return smpl_points_from_blender(np.array(point, dtype=np.float64))
