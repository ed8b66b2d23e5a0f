# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vertices to fit: spread over the surface, with enough on every part."""

from __future__ import annotations

import functools

import numpy as np

from ...body.arrays import Float64Array, IntArray
from ...body.body_data import BodyData

FEWEST_OF_A_PART = 8  # fewer chosen vertices do not get the weight of their whole part
MORTON_BITS = 10  # cells per axis: 1024, about 2 mm


def vertex_areas(body: BodyData) -> Float64Array:
    """The surface area [V] around each vertex of the template, m^2."""
    corners = body.v_template[body.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(cross, axis=1) / 2
    return np.bincount(body.faces.ravel(), np.repeat(areas / 3, 3), minlength=body.vertex_count)


def choose_vertices(body: BodyData, count: int) -> IntArray:
    """About `count` vertex indices, ascending, the same ones every time; all if V <= count.

    Vertices are walked along a space-filling curve and taken at even steps of their share.
    """
    if body.vertex_count <= count:
        return np.arange(body.vertex_count)
    share, part = vertex_shares(body)
    order = np.lexsort((morton_codes(body.v_template), part))
    reached = np.cumsum(share[order])
    steps = (np.arange(count) + 0.5) * reached[-1] / count
    return np.unique(order[np.searchsorted(reached, steps)])


def subset_weights(body: BodyData, indices: IntArray) -> Float64Array:
    """Weights [Nv], summing to 1, that give every part its share whichever vertices are chosen.

    Even for the vertices of `choose_vertices`; in a whole mesh a dense head counts no more.
    """
    share, part = vertex_shares(body)
    part_share = np.bincount(part, share, minlength=body.joint_count)
    chosen = np.bincount(part[indices], minlength=body.joint_count)
    weights = (part_share / np.maximum(chosen, FEWEST_OF_A_PART))[part[indices]]
    return weights / weights.sum()


@functools.lru_cache(maxsize=1)
def vertex_shares(body: BodyData) -> tuple[Float64Array, IntArray]:
    """How many of the fitted points should be at each vertex, relatively, and its part: [V], [V].

    A part, the vertices that follow one joint most, gets the square root of its area: a hand takes
    as many points for its orientation as a thigh, but a dense head would otherwise take a third.
    """
    areas = vertex_areas(body)
    part = np.argmax(body.weights, axis=1)
    part_area = np.bincount(part, areas, minlength=body.joint_count)
    return areas / np.sqrt(np.maximum(part_area[part], np.finfo(np.float64).tiny)), part


def morton_codes(points: Float64Array) -> IntArray:
    """Positions [N] of points [N,3] along a Z-shaped space-filling curve."""
    low = points.min(axis=0)
    size = max(float((points.max(axis=0) - low).max()), np.finfo(np.float64).tiny)
    cells = np.minimum((points - low) / size * 2**MORTON_BITS, 2**MORTON_BITS - 1)
    cells = cells.astype(np.int64)
    codes = np.zeros(len(points), dtype=np.int64)
    for bit in range(MORTON_BITS):
        for axis in range(3):
            codes |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return codes
