# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations over time: how far apart, in between, and the nearest one to a matrix."""

from __future__ import annotations

import numpy as np

from ...body.rotations import matrix_from_rotvec, rotvec_from_matrix
from .motion import Float64Array

POLAR_STEPS = 12
POLAR_DONE = 1e-10
LEAST_SCALE = 1e-3  # of a mean of rotations that lie all around and have no middle


def turn_between(first: Float64Array, second: Float64Array) -> Float64Array:
    """Rotation vectors [...,3] from rotations [...,3,3] to others, in the first one's axes."""
    return rotvec_from_matrix(np.swapaxes(first, -1, -2) @ second)


def angle_between(first: Float64Array, second: Float64Array) -> Float64Array:
    """Angles [...] in radians between rotations [...,3,3].

    From the distance of the matrices, 2 sqrt(2) sin(angle / 2), which keeps its digits near 0.
    """
    difference = np.sqrt(np.square(first - second).sum(axis=(-2, -1)))
    return 2.0 * np.arcsin(np.clip(difference / np.sqrt(8.0), 0.0, 1.0))


def in_between(first: Float64Array, second: Float64Array, share: Float64Array) -> Float64Array:
    """Rotations [...,3,3] a share [...] of the shortest way from the first to the second."""
    return first @ matrix_from_rotvec(turn_between(first, second) * share[..., None])


def nearest_rotations(matrices: Float64Array, fallback: Float64Array) -> Float64Array:
    """The rotations nearest to matrices [...,3,3], such as means of rotations: their chordal mean
    (Moakher, Means and averaging in the group of rotations, 2002).

    By Newton's method for the polar decomposition (Higham 1986). A matrix without a rotation near
    it gets the fallback's.
    """
    scale = np.cbrt(np.maximum(np.linalg.det(matrices), 0.0))
    usable = scale > LEAST_SCALE
    result = np.where(usable[..., None, None], matrices, fallback)
    result = result / np.where(usable, scale, 1.0)[..., None, None]
    for _ in range(POLAR_STEPS):
        step = 0.5 * (_cofactors(result) - result)
        result = result + step
        if np.abs(step).max(initial=0.0) < POLAR_DONE:
            break
    return result


def _cofactors(matrices: Float64Array) -> Float64Array:
    """The inverses of matrices [...,3,3], transposed."""
    a, b, c = (matrices[..., row, :] for row in range(3))
    cofactors = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=-2)
    determinant = (a * cofactors[..., 0, :]).sum(axis=-1)
    return cofactors / determinant[..., None, None]


def _cross(a: Float64Array, b: Float64Array) -> Float64Array:
    x = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    y = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    z = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.stack([x, y, z], axis=-1)
