# SPDX-License-Identifier: GPL-3.0-or-later
"""Normals of triangle meshes."""

from __future__ import annotations

import numpy as np

from ...body.arrays import Float64Array, IntArray


def vertex_normals(vertices: Float64Array, faces: IntArray) -> Float64Array:
    """Unit normals [V,3], each the mean of its triangles' by area; 0 where there is none."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = [
        np.bincount(faces.ravel(), np.repeat(axis, 3), minlength=len(vertices)) for axis in cross.T
    ]
    return unit(np.stack(total, axis=1))


def unit(vectors: Float64Array) -> Float64Array:
    """Vectors [...,3] made 1 long; those of no length stay 0."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)
