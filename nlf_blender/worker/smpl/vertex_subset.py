# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vertices to fit: spread over the surface, with enough on every part."""

from __future__ import annotations

import functools

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

    Vertices are walked along a space-filling curve and taken at even steps of their share.
    """
    if body.vertex_count <= count:
        return np.arange(body.vertex_count)
    share, part = vertex_shares(body)
    order = np.lexsort((morton_codes(body.v_template), part))
    reached = np.cumsum(share[order])
    steps = (np.arange(count) + 0.5) * reached[-1] / count
    return np.unique(order[np.searchsorted(reached, steps)])


def gather_vertices(body: BodyData, indices: IntArray, count: int) -> tuple[IntArray, IntArray]:
    """Cells of neighbours among vertices `indices` [Nv], about `count` in all, none over two parts.

    Returns where in `indices` the n middles of the cells are, and the cell [Nv] of each vertex. A
    part gets as many cells as the square root of how many vertices it has.
    """
    if len(indices) == 0:
        return indices, indices
    part = vertex_shares(body)[1][indices]
    sizes = np.bincount(part, minlength=body.joint_count)
    cells = np.ceil(np.sqrt(sizes) * count / np.sqrt(sizes).sum()).astype(np.int64)
    order = np.lexsort((morton_codes(body.v_template[indices]), part))
    ordered = part[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    code = ordered * len(order) + place * cells[ordered] // sizes[ordered]
    _, first, number, members = np.unique(
        code, return_index=True, return_inverse=True, return_counts=True
    )
    cell = np.empty(len(order), dtype=np.int64)
    cell[order] = number
    return order[first + members // 2], cell


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
