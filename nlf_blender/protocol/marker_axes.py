# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way the numbers of a table of positions point, and how long their unit is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}  # of one unit
SMPL_AXES = "left,up,front"  # where x, y and z of canonical space point, of the body's own sides
BLENDER_AXES = "left,back,up"  # of a body that stands in Blender's world, facing -y
_WAYS = {
    "left": (0, 1), "right": (0, -1),
    "up": (1, 1), "down": (1, -1),
    "front": (2, 1), "back": (2, -1),
}  # fmt: skip


def axes_matrix(axes: str) -> NDArray[np.float64]:
    """The matrix [3,3] that takes positions with such axes, as rows, to canonical ones: points @ M.

    axes: where x, y and z point, as "left,up,front"; left is the body's own. ValueError if it is
    not three directions at right angles.
    """
    words = [word.strip().lower() for word in axes.split(",")]
    if len(words) != 3 or not set(words) <= set(_WAYS):
        raise ValueError(f"'{axes}' is not three of {', '.join(_WAYS)}, with commas")
    matrix = np.zeros((3, 3))
    for row, word in enumerate(words):
        column, sign = _WAYS[word]
        matrix[row, column] = sign
    if abs(np.linalg.det(matrix)) != 1:
        raise ValueError(f"two directions of '{axes}' are on one line")
    return matrix
