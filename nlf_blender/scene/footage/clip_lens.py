# SPDX-License-Identifier: GPL-3.0-or-later
"""The lens of a movie clip's tracking camera, in OpenCV's terms.

Both know the polynomial (Brown) model with three radial terms, and Blender's division model is
OpenCV's rational one with its numerator at 1. Other models are fitted, and refused where no
coefficients come close. Blender's y goes up, so its tangential terms change places and signs.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...errors import UserError

FIT_TOLERANCE_PX = 0.1
_FIT_SAMPLES = 400
_RIDGE = 1e-10

Coefficients = tuple[float, ...]


@dataclass(frozen=True)
class ClipLens:
    """intrinsics: [3,3] in pixels; distortion: OpenCV coefficients, () without any."""

    intrinsics: Float64Array
    distortion: Coefficients


def clip_lens(clip: bpy.types.MovieClip) -> ClipLens:
    """The lens of a clip. UserError if OpenCV has no such distortion."""
    camera = clip.tracking.camera
    width, height = clip.size
    focal = camera.focal_length_pixels
    if not width or not height or focal <= 0:
        raise UserError(
            "Clip not readable",
            f"Blender cannot read the clip {clip.name}: it has no size.",
            "Choose its file again in the Movie Clip Editor.",
        )
    centre_x, centre_y = camera.principal_point_pixels
    intrinsics = np.array(
        [
            [focal, 0.0, centre_x - 0.5],
            [0.0, focal * camera.pixel_aspect, height - centre_y - 0.5],
            [0.0, 0.0, 1.0],
        ]
    )
    return ClipLens(intrinsics, _plain(_distortion(clip, intrinsics)))


def _plain(coefficients: Coefficients) -> Coefficients:
    return coefficients if any(coefficients) else ()


def _distortion(clip: bpy.types.MovieClip, intrinsics: Float64Array) -> Coefficients:
    camera = clip.tracking.camera
    model = camera.distortion_model
    if model == "POLYNOMIAL":
        return (camera.k1, camera.k2, 0.0, 0.0, camera.k3)
    if model == "DIVISION":
        return (0.0, 0.0, 0.0, 0.0, 0.0, camera.division_k1, camera.division_k2, 0.0)
    if model == "BROWN" and not camera.brown_k4:
        tangential = (-camera.brown_p2, camera.brown_p1)
        return (camera.brown_k1, camera.brown_k2, *tangential, camera.brown_k3)
    if model == "NUKE" and not _anamorphic(camera):
        return _fit_nuke(clip, intrinsics)
    raise _refused(clip, "it has terms that OpenCV's model has not")


def _anamorphic(camera: bpy.types.MovieTrackingCamera) -> bool:
    return bool(getattr(camera, "nuke_p1", 0.0) or getattr(camera, "nuke_p2", 0.0))


def _fit_nuke(clip: bpy.types.MovieClip, intrinsics: Float64Array) -> Coefficients:
    """Nuke's model leads from distorted to undistorted radii, in halves of the larger side; a
    rational function the other way is fitted to it by linear least squares."""
    camera = clip.tracking.camera
    width, height = clip.size
    half, focal = max(width, height) / 2, intrinsics[0, 0]
    distorted = np.linspace(0.0, np.hypot(width, height) / 2, _FIT_SAMPLES)[1:] / half
    scale = 1.0 + camera.nuke_k1 * distorted**2 + camera.nuke_k2 * distorted**4
    if (scale <= 0).any() or (np.diff(distorted / scale) <= 0).any():
        raise _refused(clip, "it folds the picture over")
    undistorted = distorted / scale * half / focal
    farthest = undistorted.max()
    powers = (undistorted / farthest)[:, None] ** [2, 4, 6]
    # scale = (1 + a r2 + b r4 + c r6) / (1 + d r2 + e r4 + f r6), multiplied out
    weights = undistorted[:, None] / farthest
    system = np.concatenate([powers, -scale[:, None] * powers], axis=1) * weights
    target = (scale - 1) * weights[:, 0]
    held = np.sqrt(_RIDGE) * np.eye(6)  # or numerator and denominator may share a root in the range
    solution = np.linalg.lstsq(
        np.concatenate([system, held]), np.concatenate([target, np.zeros(6)]), rcond=None
    )[0]
    fitted = (1 + powers @ solution[:3]) / (1 + powers @ solution[3:])
    if np.abs((fitted - scale) * undistorted).max() * focal > FIT_TOLERANCE_PX:
        raise _refused(clip, f"no coefficients come within {FIT_TOLERANCE_PX} pixels of it")
    solution /= farthest ** np.array([2, 4, 6, 2, 4, 6])
    k1, k2, k3, k4, k5, k6 = (float(value) for value in solution)
    return (k1, k2, 0.0, 0.0, k3, k4, k5, k6)


def _refused(clip: bpy.types.MovieClip, why: str) -> UserError:
    model = clip.tracking.camera.distortion_model.capitalize()
    return UserError(
        "Lens not supported",
        f"The {model} distortion of the clip {clip.name} cannot be used: {why}.",
        "Choose the Polynomial model in the Movie Clip Editor and solve again, or undistort the"
        " footage.",
    )
