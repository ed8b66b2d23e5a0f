# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a body's pool of canonical points, the same one every time.

The weights are the natural-neighbour ones of the canonical pose, limbs spread so that a point's
neighbours are of its own limb. It takes some seconds for any body, so that nothing need be shipped.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, eye, vstack

from ....body.arrays import Float64Array, IntArray
from ....body.body_data import BodyData
from ....errors import UserError
from ...nlf.canonical_space import OPEN_SPACE, CanonicalSpace
from ...smpl.canonical.own_canonical import OwnCanonical
from ...smpl.canonical.placement import canonical_points
from .blazepose_landmarks import landmark_mirror, landmark_places
from .natural_neighbours import natural_neighbour_weights
from .pool import PointPool
from .winding import winding_numbers

SURFACE_POINTS = 4096
INNER_POINTS = 2048
BONE_SPACING_M = 0.02
LEAST_WEIGHT = 1e-4  # the smaller ones are left out: 0.2 % of their sum on average
MOST_OFF_M = 1e-6  # that a point's weights may miss it, in metres, and go below zero
JITTER_M = 1e-5  # takes landmarks out of planes of faces, where decompositions lose digits
SEED = 7


def build_pool(
    body: BodyData, surface: int = SURFACE_POINTS, inner: int = INNER_POINTS
) -> PointPool:
    """The pool of a body with `surface` and `inner` points; of a symmetric mesh, the second halves
    of both are the mirror images of the first. UserError if the body's surface encloses nothing, or
    nothing tells where the body is in canonical space."""
    placed = canonical_points(body, CanonicalSpace(OPEN_SPACE))
    own, mirror = placed.own, placed.own.mirror_points
    random = np.random.default_rng(SEED)
    share = 1 if mirror is None else 2
    parts = [_on_surface(own, surface // share, random), _inside(own, inner // share, random)]
    landmarks = _landmarks(own, placed.points, random)
    pairs = None
    if mirror is not None:
        parts = [vstack([part, part[:, mirror]]) for part in parts]
        landmarks = (landmarks + landmarks[landmark_mirror][:, mirror]) / 2
        pairs = _pairs(np.array(body.skeleton.mirrored()), len(landmark_mirror), parts)
    joints = eye(len(own.points), format="csr")[len(own.vertices) :]
    weights = vstack([joints, landmarks, *parts]).tocsr()
    return PointPool(
        places=weights @ placed.points,
        weights=weights,
        mirror=pairs,
        vertex_places=placed.points[: len(own.vertices)],
        joints=len(own.joints),
        landmarks=len(landmark_mirror),
        surface=parts[0].shape[0],
    )


def _on_surface(own: OwnCanonical, count: int, random: np.random.Generator) -> csr_matrix:
    """Weights [count,V+J] of points evenly spread over the skin."""
    faces = own.body.faces
    corners = own.vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1)
    chosen = random.choice(len(faces), count, p=area / area.sum())
    root, along = np.sqrt(random.random(count)), random.random(count)
    weights = np.stack([1 - root, root * (1 - along), root * along], axis=1)
    rows = np.repeat(np.arange(count), 3)
    shape = (count, len(own.points))
    return csr_matrix((weights.ravel(), (rows, faces[chosen].ravel())), shape=shape)


def _inside(own: OwnCanonical, count: int, random: np.random.Generator) -> csr_matrix:
    """Weights [count,V+J] of points evenly spread through the body's volume."""
    low, high = own.vertices.min(axis=0), own.vertices.max(axis=0)
    drawn = low + (high - low) * random.random((64 * count, 3))
    enclosed = drawn[winding_numbers(drawn, own.vertices, own.body.faces) > 0]
    weights = _natural(own, own.points, enclosed[: count + count // 20 + 8])
    if weights.shape[0] < count:
        raise UserError(
            "Body without an inside",
            f"The surface of {own.body.name or 'the body'} encloses too little for points inside.",
            "Use a body whose mesh is closed and whose triangles all face outward.",
        )
    return weights[:count]


def _landmarks(own: OwnCanonical, placed: Float64Array, random: np.random.Generator) -> csr_matrix:
    """Weights [33,V+J] of BlazePose's landmarks on a body placed in the open body's space."""
    places = landmark_places()
    weights = _natural(own, placed, places + random.normal(size=places.shape) * JITTER_M)
    if weights.shape[0] < len(places):
        raise UserError(
            "Body of another size",
            f"Some landmarks of a person lie outside of {own.body.name or 'the body'}.",
            "Use a body of SMPL's family in metres.",
        )
    return weights


def _natural(own: OwnCanonical, nodes: Float64Array, points: Float64Array) -> csr_matrix:
    """Natural-neighbour weights [K',V+J] of points [K,3], without those that cannot be told
    exactly; nodes [V+J,3]: the body's vertices and joints."""
    bones = _bone_points(own)
    weights, off = natural_neighbour_weights(np.concatenate([nodes, bones @ nodes]), points)
    lowest = np.asarray(weights.min(axis=1).todense())[:, 0]
    good = weights[(off < MOST_OFF_M) & (lowest > -MOST_OFF_M)]
    good.data[good.data < LEAST_WEIGHT] = 0.0
    good = good @ vstack([eye(len(nodes)), bones])
    return (good.multiply(1.0 / good.sum(axis=1))).tocsr()


def _bone_points(own: OwnCanonical) -> csr_matrix:
    """Weights [Q,V+J] of points along the bones, between each joint and its parent."""
    first, rows, columns, values = len(own.vertices), [], [], []
    for joint, parent in enumerate(own.body.skeleton.parents):
        if parent < 0:
            continue
        length = float(np.linalg.norm(own.joints[joint] - own.joints[parent]))
        count = int(length / BONE_SPACING_M)
        for along in (np.arange(count) + 1) / (count + 1):
            rows += [len(rows) // 2] * 2
            columns += [first + joint, first + parent]
            values += [along, 1 - along]
    return csr_matrix((values, (rows, columns)), shape=(len(rows) // 2, len(own.points)))


def _pairs(joints: IntArray, landmarks: int, parts: list[csr_matrix]) -> IntArray:
    """Each pool row's mirror image: joints and landmarks by their own maps, the halves of the other
    parts one for one."""
    found, start = [joints, len(joints) + landmark_mirror], len(joints) + landmarks
    for part in parts:
        half = part.shape[0] // 2
        found += [np.arange(half) + start + half, np.arange(half) + start]
        start += part.shape[0]
    return np.concatenate(found)
