# SPDX-License-Identifier: GPL-3.0-or-later
"""A z-buffer in numba: triangles with a colour per vertex. Training only."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals [V,3], weighted by triangle area."""
    normals = np.zeros_like(vertices)
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        first, second = vertices[b] - vertices[a], vertices[c] - vertices[a]
        x = first[1] * second[2] - first[2] * second[1]
        y = first[2] * second[0] - first[0] * second[2]
        z = first[0] * second[1] - first[1] * second[0]
        for corner in (a, b, c):
            normals[corner, 0] += x
            normals[corner, 1] += y
            normals[corner, 2] += z
    for vertex in range(normals.shape[0]):
        length = np.sqrt((normals[vertex] ** 2).sum()) + 1e-12
        normals[vertex] /= length
    return normals


@njit(cache=True, fastmath=True)
def rasterize(
    pixels: np.ndarray,
    depths: np.ndarray,
    colors: np.ndarray,
    faces: np.ndarray,
    image: np.ndarray,
    inverse_depth: np.ndarray,
) -> None:
    """Draw the triangles that face the camera into `image` [S,S,3] and `inverse_depth` [S,S].

    pixels [V,2], depths [V] metres, colors [V,3]; corners turn counter-clockwise seen from outside,
    which is clockwise (negative area) in pixels with y down.
    """
    side = image.shape[0]
    for face in range(faces.shape[0]):
        a, c, b = faces[face, 0], faces[face, 1], faces[face, 2]
        if depths[a] < 0.1 or depths[b] < 0.1 or depths[c] < 0.1:
            continue
        ax, ay, bx, by = pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1]
        cx, cy = pixels[c, 0], pixels[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area <= 0.0:
            continue
        left = max(0, int(np.ceil(min(ax, bx, cx))))
        right = min(side - 1, int(np.floor(max(ax, bx, cx))))
        top = max(0, int(np.ceil(min(ay, by, cy))))
        bottom = min(side - 1, int(np.floor(max(ay, by, cy))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                wa = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
                wb = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
                wc = 1.0 - wa - wb
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                nearness = wa / depths[a] + wb / depths[b] + wc / depths[c]
                if nearness > inverse_depth[y, x]:
                    inverse_depth[y, x] = nearness
                    for channel in range(3):
                        image[y, x, channel] = (
                            wa * colors[a, channel]
                            + wb * colors[b, channel]
                            + wc * colors[c, channel]
                        )
