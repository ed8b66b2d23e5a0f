# SPDX-License-Identifier: GPL-3.0-or-later
"""Polygons into triangles."""

from __future__ import annotations

import numpy as np

from ...body.arrays import IntArray


def fan(corners: IntArray, counts: IntArray) -> IntArray:
    """Triangles [F,3] that fan out from each polygon's first corner.

    corners: the vertex indices of all polygons, one after the other; counts [P]: how many each
    polygon has. One with fewer than three has no triangle.
    """
    triangles = np.maximum(counts - 2, 0)
    first = np.repeat(np.cumsum(counts) - counts, triangles)
    within = np.arange(triangles.sum()) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    second = first + within + 1
    return np.stack([corners[first], corners[second], corners[second + 1]], axis=1)
