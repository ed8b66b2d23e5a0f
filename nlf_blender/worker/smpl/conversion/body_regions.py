# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions that two bodies share, so that a closest point is sought on the same part of the body.

A region is what follows one of the joints that both bodies have, or joints below it that only one
has. A point of a region may lie on the same region of the other body or on one that touches it,
for the skins of two bodies part at other places; never on another finger, or on the thigh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....body.arrays import Float64Array, IntArray
from ....body.body_data import BodyData
from ....body.skeleton import Skeleton
from ....errors import UserError
from ..closest_surface import ClosestSurface, SurfacePoints
from ..surface_normals import unit, vertex_normals
from .joint_matching import same_joints

FEWEST_JOINTS = 3  # in common; with fewer, nothing says which way a body faces


@dataclass(frozen=True)
class SharedRegions:
    """R regions of two bodies.

    joints [R,2]: the joint of each body; of_vertex: each vertex's region, [V] for each body;
    touching [R,R]: True for a region with itself and with those that border on it on either body.
    """

    joints: IntArray
    of_vertex: tuple[IntArray, IntArray]
    touching: np.ndarray


def shared_regions(first: BodyData, second: BodyData) -> SharedRegions:
    """Regions by the joints that have the same names. UserError if too few have."""
    pairs = same_joints(first.skeleton, second.skeleton)
    if len(pairs) < FEWEST_JOINTS:
        raise UserError(
            "Bodies without common joints",
            f"{first.name or 'one body'} and {second.name or 'the other'} share {len(pairs)} "
            "joint names, so that nothing tells which parts belong together.",
            "Add joint_names to the body files, or give the published correspondence file.",
        )
    joints = np.array(pairs, dtype=np.int64)
    of_vertex = tuple(
        _vertex_regions(body, joints[:, side]) for side, body in enumerate((first, second))
    )
    touching = np.eye(len(joints), dtype=bool)
    for body, region in zip((first, second), of_vertex, strict=True):
        corners = region[body.faces]
        for start, end in ((0, 1), (1, 2), (2, 0)):
            touching[corners[:, start], corners[:, end]] = True
    return SharedRegions(joints, of_vertex, touching | touching.T)


def _vertex_regions(body: BodyData, joints: IntArray) -> IntArray:
    """The region [V] whose joints, those that hang from one of `joints` [R], move it most."""
    region = joint_regions(body.skeleton, joints)
    share = np.zeros((body.vertex_count, len(joints)))
    for joint, number in enumerate(region):
        share[:, number] += body.weights[:, joint]
    return share.argmax(axis=1)


def joint_regions(skeleton: Skeleton, joints: IntArray) -> IntArray:
    """For each joint [J] the region: the place in `joints` of itself or its nearest ancestor.

    What hangs from none of them, above the first common joint, counts to that one.
    """
    place = {int(joint): number for number, joint in enumerate(joints)}
    order = skeleton.depth_order()
    top = next(place[joint] for joint in order if joint in place)
    region = np.full(skeleton.joint_count, top, dtype=np.int64)
    for joint in order:
        parent = skeleton.parents[joint]
        region[joint] = place.get(joint, region[parent] if parent >= 0 else top)
    return region


class RegionSurface:
    """A body's surface that finds closest points within the regions that a point may lie on."""

    def __init__(
        self, vertices: Float64Array, faces: IntArray, region: IntArray, touching: np.ndarray
    ) -> None:
        """vertices [V,3] with their regions [V]; faces [F,3]; touching [R,R]."""
        self.vertices, self.faces = vertices, faces
        self.normals = vertex_normals(vertices, faces)
        self._parts: dict[int, tuple[IntArray, ClosestSurface]] = {}
        for number, admitted in enumerate(touching):
            chosen = np.flatnonzero(admitted[region[faces]].any(axis=1))
            if len(chosen):
                self._parts[number] = chosen, ClosestSurface(vertices, faces[chosen])

    def query(self, points: Float64Array, region: IntArray) -> SurfacePoints:
        """Closest points to points [N,3] of regions [N]; at distance inf where there are none."""
        count = len(points)
        result = SurfacePoints(
            np.array(points, dtype=np.float64),
            np.zeros(count, dtype=np.int64),
            np.tile((1.0, 0.0, 0.0), (count, 1)),
            np.full(count, np.inf),
        )
        for number in np.unique(region):
            if number not in self._parts:
                continue
            chosen = np.flatnonzero(region == number)
            faces, surface = self._parts[number]
            found = surface.query(points[chosen])
            for whole, part in zip(result, found._replace(face=faces[found.face]), strict=True):
                whole[chosen] = part
        return result

    def normals_at(self, found: SurfacePoints) -> Float64Array:
        """Unit normals [N,3] at points of the surface, blended between the vertices."""
        corners = self.normals[self.faces[found.face]]
        return unit(np.einsum("nk,nkc->nc", found.barycentric, corners))
