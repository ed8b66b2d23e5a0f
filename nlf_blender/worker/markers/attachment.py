# SPDX-License-Identifier: GPL-3.0-or-later
"""How points on, in and near a body go with it when it moves.

A point deep inside is a mixture of the four of the body's vertices and joints whose tetrahedron it
is in (Delaunay, in canonical space). One on the skin, just under it or outside goes with the
closest triangle: a mixture of its corners, and an offset that turns with it. One of the body's own
vertices or joints goes with itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from ...body.arrays import Float64Array, IntArray
from ...body.body_data import BodyData
from ..smpl.canonical.mirror_map import MIRROR
from ..smpl.canonical.own_canonical import OwnCanonical
from ..smpl.closest_surface import ClosestSurface, SurfacePoints
from ..smpl.surface_normals import unit, vertex_normals

DEEP = 0.005  # metres under the skin; above, a tetrahedron may span two limbs
SAME = 1e-6  # metres; nearer, a point is one of the body's
CORNERS = 4


@dataclass(frozen=True, eq=False)
class Attachment:
    """Where K points are on a body of V vertices and J joints.

    index [K,4]: of the V+J points (vertices, then joints); share [K,4]: of each, rows sum to 1;
    offset [K,3]: from their mixture, metres, in the axes of the unposed body. above [K]: metres
    that the point is outside of the skin, below 0 inside.
    """

    index: IntArray
    share: Float64Array
    offset: Float64Array
    above: Float64Array


def attach(own: OwnCanonical, points: Float64Array) -> Attachment:
    """Attach points [K,3] of a body's own canonical space, metres.

    If the body's mesh has a mirror map, mirrored points get mirrored attachments. ValueError if
    points are not finite.
    """
    points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    mirror = own.mirror_points
    if mirror is None:
        return _attach(own, points)
    right = points[:, 0] < 0
    found = _attach(own, np.where(right[:, None], points * MIRROR, points))
    return replace(
        found,
        index=np.where(right[:, None], mirror[found.index], found.index),
        offset=np.where(right[:, None], found.offset * MIRROR, found.offset),
    )


def _attach(own: OwnCanonical, points: Float64Array) -> Attachment:
    closest = ClosestSurface(own.vertices, own.body.faces).query(points)
    above = heights(own.vertices, own.body.faces, points, closest)
    found = _on_surface(own, points, closest, above)
    deep = np.flatnonzero(above < -DEEP)
    if len(deep):
        tetrahedra = Delaunay(own.points)
        simplex = tetrahedra.find_simplex(points[deep])
        deep, simplex = deep[simplex >= 0], simplex[simplex >= 0]
        matrix = tetrahedra.transform[simplex]
        share = np.einsum("kij,kj->ki", matrix[:, :3], points[deep] - matrix[:, 3])
        flat = ~np.isfinite(share).all(axis=1)  # of tetrahedra without volume
        deep, share, simplex = deep[~flat], share[~flat], simplex[~flat]
        found.index[deep] = tetrahedra.simplices[simplex]
        found.share[deep] = np.concatenate([share, 1 - share.sum(axis=1, keepdims=True)], axis=1)
        found.offset[deep] = 0.0
    distance, nearest = cKDTree(own.points).query(points)
    same = distance < SAME  # joints just under the skin, too
    found.index[same], found.share[same] = nearest[same][:, None], (1.0, 0.0, 0.0, 0.0)
    found.offset[same] = 0.0
    return found


def heights(
    vertices: Float64Array, faces: IntArray, points: Float64Array, closest: SurfacePoints
) -> Float64Array:
    """How far points [K,3] are outside of a closed mesh [K], below 0 inside; closest: on it."""
    normals = vertex_normals(vertices, faces)[faces[closest.face]]
    normal = np.einsum("kc,kcx->kx", closest.barycentric, normals)
    outside = np.einsum("kx,kx->k", points - closest.positions, normal) >= 0
    return np.where(outside, closest.distances, -closest.distances)


def _on_surface(
    own: OwnCanonical, points: Float64Array, closest: SurfacePoints, above: Float64Array
) -> Attachment:
    corners = own.body.faces[closest.face]
    turn = _frames(own.body.v_template[corners]) @ _frames(own.vertices[corners]).transpose(0, 2, 1)
    offset = np.einsum("kij,kj->ki", turn, points - closest.positions)
    index = np.concatenate([corners, corners[:, :1]], axis=1)
    share = np.concatenate([closest.barycentric, np.zeros((len(points), 1))], axis=1)
    return Attachment(index, share, offset, above)


def _frames(corners: Float64Array) -> Float64Array:
    """Axes [K,3,3] in columns that turn with triangles [K,3,3]: along the first edge, across it in
    the triangle's plane, and its normal."""
    along = unit(corners[:, 1] - corners[:, 0])
    normal = unit(np.cross(along, corners[:, 2] - corners[:, 0]))
    return np.stack([along, np.cross(normal, along), normal], axis=2)


def attached_body(body: BodyData, attachment: Attachment) -> BodyData:
    """A body with the same skeleton, whose K vertices are the attached points. It has no faces, and
    no pose correctives."""
    template = np.concatenate([body.v_template, body.joints_template])
    directions = np.concatenate([body.shapedirs, body.joints_shapedirs])
    weights = np.concatenate([body.weights, np.eye(body.joint_count)])
    return replace(
        body,
        v_template=_mixed(attachment, template) + attachment.offset,
        shapedirs=_mixed(attachment, directions).astype(np.float32),
        weights=_mixed(attachment, weights),
        faces=np.zeros((0, 3), dtype=np.int64),
        posedirs=None,
        joint_regressor=None,
        canonical_vertices=None,
        canonical_joints=None,
        uv=None,
        face_uv=None,
        vertex_part=None,
        part_names=(),
        mirror_vertices=None,
        kid_direction=None,
        joints_kid_direction=None,
        expression_dirs=None,
        joints_expression_dirs=None,
    )


def _mixed(attachment: Attachment, values: Float64Array) -> Float64Array:
    """Values [V+J,...] at the attached points [K,...]."""
    total = np.zeros((len(attachment.index), *values.shape[1:]))
    for corner in range(CORNERS):
        share = attachment.share[:, corner].reshape(-1, *(1,) * (values.ndim - 1))
        total += share * values[attachment.index[:, corner]]
    return total
