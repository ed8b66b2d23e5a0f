# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vertices to fit: spread over the surface, with enough on every part."""

from __future__ import annotations

import numpy as np

from ...body.arrays import Float64Array, IntArray
from ...body.body_data import BodyData

MORTON_BITS = 10  # cells per axis: 1024, about 2 mm


def vertex_areas(body: BodyData) -> Float64Array:
    """The surface area [V] around each vertex of the template, m^2."""
    corners = body.v_template[body.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(cross, axis=1) / 2
    return np.bincount(body.faces.ravel(), np.repeat(areas / 3, 3), minlength=body.vertex_count)


def choose_vertices(body: BodyData, count: int) -> IntArray:
    """About `count` vertex indices, ascending, the same ones every time; all if V <= count.

    Vertices are walked along a space-filling curve and taken at even steps of their share. A
    part's share is the square root of its area: the orientation of a hand takes as many points
    as that of a thigh, but a mesh's dense head would otherwise take a third of them.
    """
    if body.vertex_count <= count:
        return np.arange(body.vertex_count)
    areas = vertex_areas(body)
    part = np.argmax(body.weights, axis=1)
    part_area = np.bincount(part, areas, minlength=body.joint_count)
    share = areas / np.sqrt(np.maximum(part_area[part], np.finfo(np.float64).tiny))
    order = np.lexsort((morton_codes(body.v_template), part))
    reached = np.cumsum(share[order])
    steps = (np.arange(count) + 0.5) * reached[-1] / count
    return np.unique(order[np.searchsorted(reached, steps)])


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
