# SPDX-License-Identifier: GPL-3.0-or-later
"""A calibrated camera: rays to pixels and back, with OpenCV's lens models.

Axes x right, y down, z forward; pixel (0,0) is the middle of the top-left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import UserError

Float64Array = NDArray[np.float64]
NEWTON_STEPS = 30
NEWTON_TOLERANCE = 1e-9
DERIVATIVE_STEP = 1e-6
SMALLEST_DEPTH = 1e-6


@dataclass(frozen=True)
class Camera:
    """Intrinsics [3,3] in pixels and a lens.

    distortion: no coefficients for an ideal lens, four for OpenCV's fisheye model (k1..k4), five
    to twelve for its standard model (k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4).
    up: the direction [3] that is up in the world, in camera space; crops are turned upright by it.
    """

    intrinsics: Float64Array
    distortion: Float64Array
    up: Float64Array

    @classmethod
    def create(
        cls,
        intrinsics: ArrayLike,
        distortion: ArrayLike = (),
        up: ArrayLike = (0.0, -1.0, 0.0),
    ) -> Camera:
        """A checked camera. UserError if the numbers do not describe one."""
        matrix = np.asarray(intrinsics, dtype=np.float64)
        lens = np.asarray(distortion, dtype=np.float64).ravel()
        well_formed = (
            matrix.shape == (3, 3)
            and (lens.size in (0, 4) or 5 <= lens.size <= 12)
            and np.isfinite(matrix).all()
            and np.isfinite(lens).all()
            and matrix[0, 0] > 0
            and matrix[1, 1] > 0
            and np.array_equal(matrix[2], [0.0, 0.0, 1.0])
        )
        if not well_formed:
            raise UserError(
                "Unusable camera",
                f"The intrinsics {matrix.tolist()} or the distortion {lens.tolist()} do not "
                "describe a camera.",
                "Give a 3x3 matrix with positive focal lengths in pixels, and no, 4 (fisheye) or "
                "5 to 12 OpenCV distortion coefficients.",
            )
        return cls(matrix, lens, np.asarray(up, dtype=np.float64))

    @property
    def is_fisheye(self) -> bool:
        """Whether the lens follows OpenCV's fisheye model."""
        return self.distortion.size == 4

    def project(self, points: NDArray) -> Float64Array:
        """Points [...,3] in camera space -> pixels [...,2]; NaN behind an ordinary lens."""
        points = np.asarray(points, dtype=np.float64)
        if self.is_fisheye:
            plane = _fisheye_plane(points, self.distortion)
        else:
            depth = points[..., 2:]
            visible = depth > SMALLEST_DEPTH
            plane = np.where(visible, points[..., :2] / np.where(visible, depth, 1.0), np.nan)
            if self.distortion.any():
                plane = distort(plane, self.distortion)
        return plane @ self.intrinsics[:2, :2].T + self.intrinsics[:2, 2]

    def unproject(self, pixels: NDArray) -> Float64Array:
        """Pixels [...,2] -> unit rays [...,3]; NaN where the lens maps no ray to the pixel."""
        offset = np.asarray(pixels, dtype=np.float64) - self.intrinsics[:2, 2]
        plane = offset @ np.linalg.inv(self.intrinsics[:2, :2]).T
        if self.is_fisheye:
            return _fisheye_rays(plane, self.distortion)
        if self.distortion.any():
            plane = undistort(plane, self.distortion)
        rays = np.concatenate([plane, np.ones_like(plane[..., :1])], axis=-1)
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def distort(plane: Float64Array, coefficients: Float64Array) -> Float64Array:
    """OpenCV's standard lens model on normalized image coordinates [...,2]."""
    k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4 = np.pad(
        coefficients, (0, 12 - coefficients.size)
    )
    x, y = plane[..., 0], plane[..., 1]
    r2 = x * x + y * y
    radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    shift_x = 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + r2 * s2)
    shift_y = 2 * p2 * x * y + p1 * (r2 + 2 * y * y) + r2 * (s3 + r2 * s4)
    return np.stack([x * radial + shift_x, y * radial + shift_y], axis=-1)


def undistort(plane: Float64Array, coefficients: Float64Array) -> Float64Array:
    """The inverse of `distort` by Newton's method, NaN where it has none.

    A lens polynomial folds over outside of the field it was calibrated for; there the Jacobian's
    determinant turns negative, and the solution is refused.
    """
    guess = plane.copy()
    with np.errstate(all="ignore"):
        for _ in range(NEWTON_STEPS):
            residual = distort(guess, coefficients) - plane
            if np.nanmax(np.abs(residual), initial=0.0) < NEWTON_TOLERANCE:
                break
            jacobian = _distortion_jacobian(guess, coefficients)
            guess = guess - _solve_2x2(jacobian, residual)
        residual = np.abs(distort(guess, coefficients) - plane).max(axis=-1)
        jacobian = _distortion_jacobian(guess, coefficients)
        folded = _determinant(jacobian) <= 0
    lost = ~(residual < 1e-6) | folded
    return np.where(lost[..., None], np.nan, guess)


def _distortion_jacobian(plane: Float64Array, coefficients: Float64Array) -> Float64Array:
    """Derivatives of `distort` by central differences: [...,2 (out),2 (in)]."""
    columns = [
        distort(plane + step, coefficients) - distort(plane - step, coefficients)
        for step in np.eye(2) * DERIVATIVE_STEP
    ]
    return np.stack(columns, axis=-1) / (2 * DERIVATIVE_STEP)


def _determinant(matrix: Float64Array) -> Float64Array:
    return matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0]


def _solve_2x2(matrix: Float64Array, right: Float64Array) -> Float64Array:
    """Solutions [...,2] of 2x2 systems; not finite where one is singular."""
    x = right[..., 0] * matrix[..., 1, 1] - right[..., 1] * matrix[..., 0, 1]
    y = right[..., 1] * matrix[..., 0, 0] - right[..., 0] * matrix[..., 1, 0]
    return np.stack([x, y], axis=-1) / _determinant(matrix)[..., None]


def _fisheye_polynomial(angle: Float64Array, k: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Distance from the principal point at an angle from the axis, and its derivative."""
    a2 = angle * angle
    distance = angle * (1 + a2 * (k[0] + a2 * (k[1] + a2 * (k[2] + a2 * k[3]))))
    slope = 1 + a2 * (3 * k[0] + a2 * (5 * k[1] + a2 * (7 * k[2] + a2 * 9 * k[3])))
    return distance, slope


def _fisheye_plane(points: Float64Array, k: Float64Array) -> Float64Array:
    """Points [...,3] -> normalized fisheye coordinates [...,2]."""
    across = np.hypot(points[..., 0], points[..., 1])
    distance, _ = _fisheye_polynomial(np.arctan2(across, points[..., 2]), k)
    return points[..., :2] * (distance / np.maximum(across, 1e-12))[..., None]


def _fisheye_rays(plane: Float64Array, k: Float64Array) -> Float64Array:
    """Normalized fisheye coordinates [...,2] -> unit rays [...,3], NaN where there is none."""
    distance = np.hypot(plane[..., 0], plane[..., 1])
    angle = distance.copy()
    with np.errstate(all="ignore"):
        for _ in range(NEWTON_STEPS):
            value, slope = _fisheye_polynomial(angle, k)
            angle = angle - (value - distance) / slope
        value, slope = _fisheye_polynomial(angle, k)
        good = (np.abs(value - distance) < 1e-6) & (slope > 0) & (angle >= 0) & (angle <= np.pi)
    angle = np.where(good, angle, np.nan)
    sideways = plane * (np.sin(angle) / np.maximum(distance, 1e-12))[..., None]
    return np.concatenate([sideways, np.cos(angle)[..., None]], axis=-1)
