# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation vectors, matrices and quaternions, batched over all leading axes.

Rotation vectors are in radians; quaternions are (w, x, y, z), the order of Blender.
"""

from __future__ import annotations

import numpy as np

from .arrays import Float64Array, FloatArray

# Below this angle the quotients sin(a)/a and the like are taken from their series, whose first
# dropped term is then far under the spacing of float64.
SMALL_ANGLE = 1e-4


def skew_matrix(vectors: FloatArray) -> Float64Array:
    """The matrices [...,3,3] that take the cross product with vectors [...,3]."""
    values = np.asarray(vectors, dtype=np.float64)
    result = np.zeros((*values.shape[:-1], 3, 3))
    result[..., 0, 1] = -values[..., 2]
    result[..., 0, 2] = values[..., 1]
    result[..., 1, 0] = values[..., 2]
    result[..., 1, 2] = -values[..., 0]
    result[..., 2, 0] = -values[..., 1]
    result[..., 2, 1] = values[..., 0]
    return result


def matrix_from_rotvec(rotvecs: FloatArray) -> Float64Array:
    """Rotation matrices [...,3,3] of rotation vectors [...,3] (Rodrigues' formula)."""
    vectors = np.asarray(rotvecs, dtype=np.float64)
    squared = np.sum(vectors * vectors, axis=-1)[..., None, None]
    small = squared < SMALL_ANGLE**2
    safe = np.where(small, 1.0, squared)
    angle = np.sqrt(safe)
    sine = np.where(small, 1.0 - squared / 6.0, np.sin(angle) / angle)
    # 1 - cos(a) as 2 sin(a/2)^2, which keeps its digits for small angles
    cosine = np.where(small, 0.5 - squared / 24.0, 2.0 * np.sin(angle / 2) ** 2 / safe)
    cross = skew_matrix(vectors)
    return np.eye(3) + sine * cross + cosine * (cross @ cross)


def rotvec_from_matrix(matrices: FloatArray) -> Float64Array:
    """Rotation vectors [...,3], at most pi long, of rotation matrices [...,3,3]."""
    return rotvec_from_quaternion(quaternion_from_matrix(matrices))


def rotvec_from_quaternion(quaternions: FloatArray) -> Float64Array:
    """Rotation vectors [...,3], at most pi long, of unit quaternions [...,4]."""
    values = np.asarray(quaternions, dtype=np.float64)
    values = np.where(values[..., :1] < 0.0, -values, values)
    real, imaginary = values[..., :1], values[..., 1:]
    sine = np.sqrt(np.sum(imaginary * imaginary, axis=-1, keepdims=True))
    small = sine < SMALL_ANGLE
    angle = 2.0 * np.arctan2(sine, real)
    factor = np.where(small, 2.0 + sine * sine / 3.0, angle / np.where(small, 1.0, sine))
    return imaginary * factor


def quaternion_from_matrix(matrices: FloatArray) -> Float64Array:
    """Unit quaternions [...,4] with w >= 0 of rotation matrices [...,3,3].

    Each row of 4 q q^T follows from the matrix without a division; the row of the largest
    component is the well-conditioned one, whatever the angle.
    """
    m = np.asarray(matrices, dtype=np.float64)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    products = np.empty((*m.shape[:-2], 4, 4))
    products[..., 0, 0] = 1.0 + xx + yy + zz
    products[..., 1, 1] = 1.0 + xx - yy - zz
    products[..., 2, 2] = 1.0 - xx + yy - zz
    products[..., 3, 3] = 1.0 - xx - yy + zz
    products[..., 0, 1] = products[..., 1, 0] = m[..., 2, 1] - m[..., 1, 2]
    products[..., 0, 2] = products[..., 2, 0] = m[..., 0, 2] - m[..., 2, 0]
    products[..., 0, 3] = products[..., 3, 0] = m[..., 1, 0] - m[..., 0, 1]
    products[..., 1, 2] = products[..., 2, 1] = m[..., 0, 1] + m[..., 1, 0]
    products[..., 1, 3] = products[..., 3, 1] = m[..., 0, 2] + m[..., 2, 0]
    products[..., 2, 3] = products[..., 3, 2] = m[..., 1, 2] + m[..., 2, 1]
    diagonal = np.diagonal(products, axis1=-2, axis2=-1)
    largest = np.argmax(diagonal, axis=-1)[..., None, None]
    row: Float64Array = np.take_along_axis(products, largest, axis=-2)[..., 0, :]
    row = row / np.linalg.norm(row, axis=-1, keepdims=True)
    return np.where(row[..., :1] < 0.0, -row, row)


def matrix_from_quaternion(quaternions: FloatArray) -> Float64Array:
    """Rotation matrices [...,3,3] of quaternions [...,4] of any length above 0."""
    values = np.asarray(quaternions, dtype=np.float64)
    values = values / np.linalg.norm(values, axis=-1, keepdims=True)
    real, cross = values[..., 0, None, None], skew_matrix(values[..., 1:])
    return np.eye(3) + 2.0 * (real * cross + cross @ cross)


def continuous_quaternions(quaternions: FloatArray) -> Float64Array:
    """The same rotations [T,...,4] with signs such that neighbours in time are close."""
    values = np.asarray(quaternions, dtype=np.float64)
    if len(values) < 2:
        return values.copy()
    dots = np.sum(values[1:] * values[:-1], axis=-1, keepdims=True)
    flips = np.where(dots < 0.0, -1.0, 1.0)
    signs = np.concatenate([np.ones_like(flips[:1]), np.cumprod(flips, axis=0)])
    return values * signs
