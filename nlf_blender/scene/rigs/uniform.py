# SPDX-License-Identifier: GPL-3.0-or-later
"""Scales that are the same along all axes, and axes without a scale."""

from __future__ import annotations

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...errors import UserError

EVEN = 0.01  # by how much of itself the scale may differ from axis to axis


def even_scale(obj: bpy.types.Object) -> float:
    """An object's scale in the world. UserError if it differs from axis to axis, or mirrors."""
    matrix = np.array(obj.matrix_world, dtype=np.float64)[:3, :3]
    lengths = np.linalg.norm(matrix, axis=0)
    mean = float(lengths.mean())
    skewed = mean <= 0 or not np.allclose(matrix.T @ matrix / mean**2, np.eye(3), atol=2 * EVEN)
    if skewed or np.linalg.det(matrix) <= 0:
        raise UserError(
            "Uneven scale",
            f"The scale of {obj.name} differs from axis to axis, or mirrors it.",
            "Apply its scale: Object > Apply > Scale.",
        )
    return mean


def axes_of(matrices: Float64Array) -> Float64Array:
    """Rotations [...,3,3] nearest to matrices [...,3,3] of even or uneven scale."""
    left, _, right = np.linalg.svd(np.asarray(matrices, dtype=np.float64))
    return left @ right
