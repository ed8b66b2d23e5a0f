# SPDX-License-Identifier: GPL-3.0-or-later
"""Winding numbers: how many times a closed surface goes around a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
CELL = 0.006  # metres; a few triangles high
NUDGE = np.array([1.3e-7, 2.9e-7])  # keeps rays off edges that lie in a symmetry plane


def winding_numbers(
    points: Array, vertices: Array, faces: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Winding number [N] of closed surfaces around points [N,3].

    Counts the triangles that a ray along +z leaves through, less those it enters through;
    triangles and points meet by way of a grid in x and y. Components that overlap add up.
    """
    origin = np.minimum(points.min(0), vertices.min(0))[:2] - CELL
    width = int(np.ceil((np.maximum(points.max(0), vertices.max(0))[0] - origin[0]) / CELL)) + 2
    spots = points[:, :2] + NUDGE
    cell_of_point = _cell_index(spots, origin) @ [1, width]
    order = np.argsort(cell_of_point, kind="stable")
    sorted_cells = cell_of_point[order]
    triangle, cell = _covered_cells(vertices[faces][..., :2], origin, width)
    start = np.searchsorted(sorted_cells, cell, side="left")
    count = np.searchsorted(sorted_cells, cell, side="right") - start
    triangle, start, count = (a[count > 0] for a in (triangle, start, count))
    first = np.cumsum(count) - count
    within = np.arange(count.sum()) - np.repeat(first, count)
    point = order[np.repeat(start, count) + within]
    sign = _crossing_signs(
        spots[point], points[point, 2], vertices[faces], np.repeat(triangle, count)
    )
    return np.round(np.bincount(point, sign, minlength=len(points))).astype(np.int64)


def _cell_index(spots: Array, origin: Array) -> NDArray[np.int64]:
    return np.floor((spots - origin) / CELL).astype(np.int64)


def _covered_cells(corners: Array, origin: Array, width: int) -> tuple[Array, Array]:
    """Pairs (triangle, cell) of each triangle's [F,3,2] bounding rectangle."""
    low, high = _cell_index(corners.min(1), origin), _cell_index(corners.max(1), origin)
    size = high - low + 1
    count = size.prod(1)
    triangle = np.repeat(np.arange(len(corners)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    column, row = within % size[triangle, 0], within // size[triangle, 0]
    return triangle, (low[triangle, 0] + column) + (low[triangle, 1] + row) * width


def _crossing_signs(spots: Array, heights: Array, corners: Array, triangle: Array) -> Array:
    """+1, -1 or 0 [P] for each pair of a ray (spots [P,2], heights [P]) and a triangle."""
    a, b, c = (corners[triangle, corner] for corner in range(3))

    def twice_area(p: Array, q: Array, r: Array) -> Array:
        return (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (r[:, 0] - p[:, 0])

    shares = np.stack([twice_area(b, c, spots), twice_area(c, a, spots), twice_area(a, b, spots)])
    total = shares.sum(0)
    hit = (np.sign(total) * shares >= 0).all(0) & (total != 0)
    safe = np.where(total == 0, 1, total)
    height = (shares[0] * a[:, 2] + shares[1] * b[:, 2] + shares[2] * c[:, 2]) / safe
    return np.where(hit & (height > heights), np.sign(total), 0.0)
