# SPDX-License-Identifier: GPL-3.0-or-later
"""Axes and cameras: the same point, the same pixel, on both sides."""

from __future__ import annotations

import numpy as np
import pytest

from nlf_blender.body import conventions
from nlf_blender.body.rotations import matrix_from_rotvec


def blender_pixels(
    points: np.ndarray, camera: conventions.BlenderCamera, width: int, height: int
) -> np.ndarray:
    """Pixels of points in Blender's world through the level camera, by Blender's own viewplane.

    Works as Blender's renderer does: a viewplane at the near clip, in units of pixels of the
    image's width, moved by the shift and scaled by the sensor; then edges to pixel coordinates.
    """
    local = points @ conventions.BLENDER_CAMERA_ROTATION  # world to the camera object's axes
    stretch = camera.pixel_aspect_y / camera.pixel_aspect_x
    wide = width * camera.pixel_aspect_x >= height * camera.pixel_aspect_y
    view = width if camera.sensor_fit == "HORIZONTAL" or wide else stretch * height
    near = 0.1
    pixel = camera.sensor_width_mm * near / camera.lens_mm / view
    left = (-0.5 * width + camera.shift_x * view) * pixel
    bottom = (-0.5 * stretch * height + camera.shift_y * view) * pixel
    on_plane = local[:, :2] * near / -local[:, 2:]
    from_left = (on_plane[:, 0] - left) / pixel
    from_bottom = (on_plane[:, 1] - bottom) / (pixel * stretch)
    return np.stack([from_left - 0.5, height - from_bottom - 0.5], axis=1)


CAMERAS = [
    ([[900, 0, 319.5], [0, 900, 239.5], [0, 0, 1]], 640, 480),
    ([[900, 0, 200.0], [0, 900, 300.0], [0, 0, 1]], 640, 480),
    ([[900, 0, 200.0], [0, 900, 400.0], [0, 0, 1]], 480, 640),
    ([[900, 0, 350.0], [0, 600, 200.0], [0, 0, 1]], 640, 480),
    ([[600, 0, 350.0], [0, 900, 200.0], [0, 0, 1]], 640, 480),
]


@pytest.mark.parametrize("fit", ["HORIZONTAL", "AUTO"])
@pytest.mark.parametrize(("intrinsics", "width", "height"), CAMERAS)
def test_a_point_has_the_same_pixel_in_both_cameras(
    intrinsics: list[list[float]], width: int, height: int, fit: conventions.SensorFit
) -> None:
    matrix = np.array(intrinsics, dtype=np.float64)
    camera = conventions.blender_camera(matrix, width, height, 32.0, fit)
    points = np.random.default_rng(6).uniform([-1, -1, 2], [1, 1, 5], size=(20, 3))
    np.testing.assert_allclose(
        blender_pixels(conventions.blender_points_from_camera(points), camera, width, height),
        conventions.project(points, matrix),
        atol=1e-9,
    )
    np.testing.assert_allclose(
        conventions.intrinsics_from_blender_camera(camera, width, height), matrix, atol=1e-9
    )
    assert min(camera.pixel_aspect_x, camera.pixel_aspect_y) == 1.0, "Blender admits 1 and more"


def test_a_common_camera_in_plain_numbers() -> None:
    camera = conventions.blender_camera(
        conventions.intrinsics_from_focal_px(1000, 2000, 1000), 2000, 1000
    )
    assert camera.lens_mm == pytest.approx(18.0)
    assert (camera.shift_x, camera.shift_y) == (0.0, 0.0)


def test_field_of_view_is_over_the_larger_side() -> None:
    wide = conventions.intrinsics_from_fov(90, 200, 100)
    tall = conventions.intrinsics_from_fov(90, 100, 200)
    assert wide[0, 0] == pytest.approx(100) and tall[0, 0] == pytest.approx(100)
    np.testing.assert_allclose(wide[:2, 2], [99.5, 49.5])
    # a ray 45 degrees to the side meets the image's edge, half a pixel beyond the last middle
    np.testing.assert_allclose(conventions.project(np.array([1.0, 0, 1]), wide), [199.5, 49.5])


@pytest.mark.parametrize("bad", [[0, 0], [1, 1], [0, 1]])
def test_cameras_that_blender_cannot_show_are_refused(bad: list[int]) -> None:
    matrix = conventions.intrinsics_from_focal_px(500, 64, 64)
    matrix[bad[0], bad[1]] = -3.0
    with pytest.raises(ValueError):
        conventions.blender_camera(matrix, 64, 64)


def test_axes_by_their_meaning() -> None:
    left, up, front = np.eye(3)
    np.testing.assert_array_equal(conventions.blender_points_from_smpl(left), [1, 0, 0])
    np.testing.assert_array_equal(conventions.blender_points_from_smpl(up), [0, 0, 1])
    np.testing.assert_array_equal(conventions.blender_points_from_smpl(front), [0, -1, 0])
    right, down, away = np.eye(3)
    np.testing.assert_array_equal(conventions.blender_points_from_camera(right), [1, 0, 0])
    np.testing.assert_array_equal(conventions.blender_points_from_camera(down), [0, 0, -1])
    np.testing.assert_array_equal(conventions.blender_points_from_camera(away), [0, 1, 0])
    for matrix in (
        conventions.BLENDER_FROM_SMPL,
        conventions.BLENDER_FROM_CAMERA,
        conventions.BLENDER_CAMERA_ROTATION,
    ):
        assert np.linalg.det(matrix) == pytest.approx(1), "a mirrored world"


def test_points_and_rotations_there_and_back() -> None:
    rng = np.random.default_rng(7)
    points, turns = rng.normal(size=(6, 3)), matrix_from_rotvec(rng.normal(size=(6, 3)))
    there = conventions.blender_points_from_smpl(points)
    np.testing.assert_allclose(conventions.smpl_points_from_blender(there), points)
    there = conventions.blender_points_from_camera(points)
    np.testing.assert_allclose(conventions.camera_points_from_blender(there), points)
    there = conventions.blender_rotations_from_smpl(turns)
    np.testing.assert_allclose(conventions.smpl_rotations_from_blender(there), turns)


def test_a_turned_point_is_the_same_in_both_worlds() -> None:
    rng = np.random.default_rng(8)
    point, turn = rng.normal(size=3), matrix_from_rotvec(rng.normal(size=3))
    np.testing.assert_allclose(
        conventions.blender_rotations_from_smpl(turn) @ conventions.blender_points_from_smpl(point),
        conventions.blender_points_from_smpl(turn @ point),
    )


def test_root_of_a_fit_ends_where_the_camera_saw_it() -> None:
    rng = np.random.default_rng(9)
    root, point, translation = rng.normal(size=(3, 3))
    turn = matrix_from_rotvec(rng.normal(size=3))
    seen = turn @ (point - root) + root + translation
    armature_point = conventions.blender_points_from_smpl(point)
    armature_root = conventions.blender_points_from_smpl(root)
    posed = conventions.blender_root_rotations(turn) @ (armature_point - armature_root)
    posed = posed + conventions.blender_root_positions(root, translation)
    np.testing.assert_allclose(posed, conventions.blender_points_from_camera(seen))


def test_bone_rotation_is_the_armatures_in_the_bones_axes() -> None:
    rng = np.random.default_rng(10)
    axes, turn = matrix_from_rotvec(rng.normal(size=(2, 3)))
    basis = conventions.bone_rotations(turn, axes)
    np.testing.assert_allclose(axes @ basis, turn @ axes)
