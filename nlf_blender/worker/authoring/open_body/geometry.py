# SPDX-License-Identifier: GPL-3.0-or-later
"""Small geometric functions on arrays; nothing here knows of Anny or of files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ....body.rotations import matrix_from_rotvec, quaternion_from_matrix, skew_matrix

Array = NDArray[np.floating]
MIRROR = np.array([-1.0, 1.0, 1.0])


def unit(vectors: Array) -> Array:
    """Vectors [...,3] at length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def about_axis(axis: Array, angle: float | Array) -> Array:
    """Rotation matrices [...,3,3] about a unit axis [3] by angles [...], radians."""
    return matrix_from_rotvec(np.multiply.outer(np.asarray(angle, np.float64), axis))


def align_rotation(source: Array, target: Array) -> Array:
    """The smallest rotations [...,3,3] that turn directions `source` into `target` [...,3].

    Directions need not be of unit length. Opposite ones have no smallest rotation: ValueError.
    """
    source, target = np.broadcast_arrays(unit(source), unit(target))
    cosine = np.sum(source * target, axis=-1)[..., None, None]
    if np.any(cosine < -1 + 1e-9):
        raise ValueError("opposite directions: the smallest rotation is not unique")
    skew = skew_matrix(np.cross(source, target))
    return np.eye(3) + skew + skew @ skew / (1 + cosine)


def twist_angle(rotations: Array, axis: Array) -> Array:
    """Angle [N] in (-pi, pi] of each rotation's [N,3,3] part about `axis` [3]."""
    quaternions = quaternion_from_matrix(rotations)
    angle = 2 * np.arctan2(quaternions[:, 1:] @ unit(axis), quaternions[:, 0])
    return np.pi - np.mod(np.pi - angle, 2 * np.pi)


def mirror_map(points: Array, tolerance: float = 1e-5) -> NDArray[np.int32]:
    """Index [N] of each point's [N,3] mirror image in x; ValueError unless it is one to one."""
    distance, index = cKDTree(points).query(points * MIRROR)
    if distance.max() > tolerance or not np.array_equal(index[index], np.arange(len(points))):
        raise ValueError("the points are not symmetric in x")
    return index.astype(np.int32)


def symmetrized(points: Array, mirror: NDArray[np.int32]) -> Array:
    """Points [...,N,3] averaged with their mirror images: exactly symmetric in x."""
    return (points + points[..., mirror, :] * MIRROR.astype(points.dtype)) / 2


def vertex_areas(vertices: Array, faces: NDArray[np.integer]) -> Array:
    """Share [V] of the surface that belongs to each vertex, a third of its triangles; sums to 1."""
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1)
    shares = np.bincount(faces.ravel(), np.repeat(area, 3), minlength=len(vertices))
    return shares / shares.sum()


def farthest_points(points: Array, count: int) -> NDArray[np.intp]:
    """Indices of `count` points [N,3] spread evenly: each is the farthest from those before it."""
    first = int(np.argmin(np.linalg.norm(points - points.mean(0), axis=1)))
    chosen, distance = [first], np.linalg.norm(points - points[first], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.sort(chosen)


def components(faces: NDArray[np.integer], vertex_count: int) -> NDArray[np.int32]:
    """Label [V] of the connected part of the mesh that each vertex belongs to, largest part 0."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(vertex_count, vertex_count))
    count, label = connected_components(graph, directed=False)
    order = np.argsort(-np.bincount(label), kind="stable")
    rank = np.empty(count, np.int32)
    rank[order] = np.arange(count)
    return rank[label]
