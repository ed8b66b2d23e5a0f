# SPDX-License-Identifier: GPL-3.0-or-later
"""The one module that converts between axes, and between intrinsics and Blender's camera.

Camera (OpenCV): x right, y down, z forward. SMPL: x the person's left, y up, z forward (the
person faces +z). Blender: z up; an armature at rest faces -y and its left is +x.
Pixels: the middle of the top-left pixel is (0, 0), so the image's middle is ((w-1)/2, (h-1)/2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .arrays import Float64Array, FloatArray

SensorFit = Literal["AUTO", "HORIZONTAL"]

DEFAULT_SENSOR_WIDTH_MM = 36.0


def _fixed(rows: list[list[int]]) -> Float64Array:
    matrix = np.array(rows, dtype=np.float64)
    matrix.setflags(write=False)
    return matrix


# (x, y, z) -> (x, -z, y): a body at rest stands up in Blender and faces -y
BLENDER_FROM_SMPL = _fixed([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
# (x, y, z) -> (x, z, -y): a level camera in Blender's origin that looks along +y
BLENDER_FROM_CAMERA = _fixed([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
# Blender's cameras look along their own -z with +y up: this object rotation makes one look along
# +y. Its columns are the camera object's axes in Blender's world.
BLENDER_CAMERA_ROTATION = _fixed([[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def blender_points_from_smpl(points: FloatArray) -> Float64Array:
    """Points [...,3] of the unposed body in SMPL's axes as points in Blender's."""
    return np.asarray(points, dtype=np.float64) @ BLENDER_FROM_SMPL.T


def smpl_points_from_blender(points: FloatArray) -> Float64Array:
    """The inverse of `blender_points_from_smpl`."""
    return np.asarray(points, dtype=np.float64) @ BLENDER_FROM_SMPL


def blender_points_from_camera(points: FloatArray) -> Float64Array:
    """Points [...,3] seen from the camera as points in Blender's world."""
    return np.asarray(points, dtype=np.float64) @ BLENDER_FROM_CAMERA.T


def camera_points_from_blender(points: FloatArray) -> Float64Array:
    """The inverse of `blender_points_from_camera`."""
    return np.asarray(points, dtype=np.float64) @ BLENDER_FROM_CAMERA


def blender_rotations_from_smpl(rotations: FloatArray) -> Float64Array:
    """Rotations [...,3,3] of a joint relative to its parent, in an armature's axes."""
    return BLENDER_FROM_SMPL @ np.asarray(rotations, dtype=np.float64) @ BLENDER_FROM_SMPL.T


def smpl_rotations_from_blender(rotations: FloatArray) -> Float64Array:
    """The inverse of `blender_rotations_from_smpl`."""
    return BLENDER_FROM_SMPL.T @ np.asarray(rotations, dtype=np.float64) @ BLENDER_FROM_SMPL


def bone_rotations(rotations: FloatArray, bone_axes: FloatArray) -> Float64Array:
    """Rotations [...,3,3] in an armature's axes seen in the bone's own frame.

    bone_axes [...,3,3]: columns are the rest bone's axes in the armature (the rotation part of
    `Bone.matrix_local`). The result is what a pose bone's rotation channel holds.
    """
    axes = np.asarray(bone_axes, dtype=np.float64)
    return np.swapaxes(axes, -1, -2) @ np.asarray(rotations, dtype=np.float64) @ axes


def blender_root_rotations(root_rotations: FloatArray) -> Float64Array:
    """Root orientations [...,3,3] of camera-space fits as rotations of a Blender armature's root.

    A fitted body point is G p + t. Blender's armature holds A p at rest and should end at
    W (G p + t), so its root turns by W G A^T.
    """
    orientation = np.asarray(root_rotations, dtype=np.float64)
    return BLENDER_FROM_CAMERA @ orientation @ BLENDER_FROM_SMPL.T


def blender_world_root_rotations(root_rotations: FloatArray) -> Float64Array:
    """Root orientations [...,3,3] from SMPL's axes to Blender's world as rotations of a Blender
    armature's root, which holds A p at rest."""
    return np.asarray(root_rotations, dtype=np.float64) @ BLENDER_FROM_SMPL.T


def blender_root_positions(rest_root: FloatArray, translation: FloatArray) -> Float64Array:
    """Positions [...,3] in Blender's world of the root joint of camera-space fits.

    rest_root [...,3]: the root joint of the unposed body in SMPL's axes; translation [...,3]:
    the fit's. The root turns about itself, so it ends at their sum, whatever its rotation.
    """
    rest = np.asarray(rest_root, dtype=np.float64)
    return blender_points_from_camera(rest + np.asarray(translation, dtype=np.float64))


def blender_camera_matrix() -> Float64Array:
    """The object matrix [4,4] of the Blender camera that sees camera-space points as they were."""
    matrix = np.eye(4)
    matrix[:3, :3] = BLENDER_CAMERA_ROTATION
    return matrix


def blender_camera_matrices(world_from_camera: FloatArray) -> Float64Array:
    """Object matrices [...,4,4] of Blender cameras from transforms [...,4,4] from camera space to
    Blender's world."""
    return np.asarray(world_from_camera, dtype=np.float64) * (1.0, -1.0, -1.0, 1.0)


@dataclass(frozen=True)
class BlenderCamera:
    """What to set on a Blender camera and a scene's render so that they match the intrinsics."""

    lens_mm: float
    sensor_width_mm: float
    sensor_fit: SensorFit
    shift_x: float
    shift_y: float
    pixel_aspect_x: float
    pixel_aspect_y: float


def _fitted_pixels(
    fit: SensorFit, width: int, height: int, aspect_x: float, aspect_y: float
) -> float:
    """The image side that the sensor's width spans, in pixels of the image's width.

    Blender's AUTO compares the sides after stretching by the pixel aspect; shifts, too, are
    fractions of this side.
    """
    if fit == "HORIZONTAL" or width * aspect_x >= height * aspect_y:
        return float(width)
    return height * aspect_y / aspect_x


def blender_camera(
    intrinsics: FloatArray,
    width: int,
    height: int,
    sensor_width_mm: float = DEFAULT_SENSOR_WIDTH_MM,
    sensor_fit: SensorFit = "HORIZONTAL",
) -> BlenderCamera:
    """The Blender camera with these intrinsics [3,3] (pixels) for an image of width x height.

    Unequal focal lengths become the render's pixel aspect. ValueError for a skewed matrix, which
    no Blender camera can show.
    """
    matrix = np.asarray(intrinsics, dtype=np.float64)
    focal_x, focal_y = float(matrix[0, 0]), float(matrix[1, 1])
    if focal_x <= 0 or focal_y <= 0 or not np.isfinite(matrix).all():
        raise ValueError(f"focal lengths {focal_x}, {focal_y} px are not above 0")
    if abs(float(matrix[0, 1])) > 1e-6 * focal_x:
        raise ValueError("the intrinsics are skewed")
    # Blender admits aspects from 1 upward only
    aspect_x, aspect_y = max(1.0, focal_y / focal_x), max(1.0, focal_x / focal_y)
    fitted = _fitted_pixels(sensor_fit, width, height, aspect_x, aspect_y)
    return BlenderCamera(
        lens_mm=focal_x * sensor_width_mm / fitted,
        sensor_width_mm=sensor_width_mm,
        sensor_fit=sensor_fit,
        shift_x=((width - 1) / 2 - float(matrix[0, 2])) / fitted,
        shift_y=(float(matrix[1, 2]) - (height - 1) / 2) * aspect_y / aspect_x / fitted,
        pixel_aspect_x=aspect_x,
        pixel_aspect_y=aspect_y,
    )


def intrinsics_from_blender_camera(camera: BlenderCamera, width: int, height: int) -> Float64Array:
    """The intrinsics [3,3] (pixels) of a Blender camera; the inverse of `blender_camera`."""
    stretch = camera.pixel_aspect_y / camera.pixel_aspect_x
    fitted = _fitted_pixels(
        camera.sensor_fit, width, height, camera.pixel_aspect_x, camera.pixel_aspect_y
    )
    focal_x = camera.lens_mm * fitted / camera.sensor_width_mm
    return np.array(
        [
            [focal_x, 0.0, (width - 1) / 2 - camera.shift_x * fitted],
            [0.0, focal_x / stretch, (height - 1) / 2 + camera.shift_y * fitted / stretch],
            [0.0, 0.0, 1.0],
        ]
    )


def intrinsics_from_focal_px(focal_px: float, width: int, height: int) -> Float64Array:
    """Intrinsics [3,3] with this focal length and the principal point in the image's middle."""
    return np.array(
        [[focal_px, 0.0, (width - 1) / 2], [0.0, focal_px, (height - 1) / 2], [0.0, 0.0, 1.0]]
    )


def intrinsics_from_fov(fov_degrees: float, width: int, height: int) -> Float64Array:
    """Intrinsics [3,3] with this field of view over the larger side of the image."""
    half = math.radians(fov_degrees) / 2
    return intrinsics_from_focal_px(max(width, height) / 2 / math.tan(half), width, height)


def project(points: FloatArray, intrinsics: FloatArray) -> Float64Array:
    """Pixels [...,2] of camera-space points [...,3]; points in the camera's plane give inf."""
    values = np.asarray(points, dtype=np.float64) @ np.asarray(intrinsics, dtype=np.float64).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return values[..., :2] / values[..., 2:]
