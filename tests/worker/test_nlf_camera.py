# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras: OpenCV is the truth for its own lens models."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.camera import Camera

INTRINSICS = np.array([[810.0, 1.5, 655.0], [0.0, 805.0, 350.0], [0.0, 0.0, 1.0]])
STRAIGHT = np.array([[810.0, 0.0, 655.0], [0.0, 805.0, 350.0], [0.0, 0.0, 1.0]])
LENSES = {
    "ideal": [],
    "brown": [-0.25, 0.08, 0.0012, -0.0007, -0.01],
    "rational": [-0.1, 0.05, 0.001, 0.002, 0.01, 0.15, 0.02, 0.005],
    "thin prism": [-0.1, 0.05, 0.001, 0.002, 0.01, 0.1, 0.02, 0.0, 0.003, -0.001, 0.002, 0.001],
}
FISHEYE = [0.05, -0.01, 0.004, -0.0006]


def _points() -> np.ndarray:
    random = np.random.default_rng(0)
    depth = random.uniform(1.5, 6.0, (200, 1))
    return np.hstack([random.uniform(-0.6, 0.6, (200, 2)), np.ones((200, 1))]) * depth


@pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())
def test_projection_equals_opencv(lens: list[float]) -> None:
    points = _points()
    expected, _ = cv2.projectPoints(
        points, np.zeros(3), np.zeros(3), STRAIGHT, np.array(lens) if lens else None
    )
    got = Camera.create(STRAIGHT, lens).project(points)
    assert np.abs(got - expected[:, 0]).max() < 1e-6


def test_fisheye_projection_equals_opencv() -> None:
    points = _points()
    expected, _ = cv2.fisheye.projectPoints(
        points[:, None], np.zeros(3), np.zeros(3), STRAIGHT, np.array(FISHEYE)
    )
    got = Camera.create(STRAIGHT, FISHEYE).project(points)
    assert np.abs(got - expected[:, 0]).max() < 1e-6


@pytest.mark.parametrize("lens", [*LENSES.values(), FISHEYE])
def test_a_ray_goes_back_where_it_came_from(lens: list[float]) -> None:
    camera = Camera.create(INTRINSICS, lens)
    points = _points()
    rays = camera.unproject(camera.project(points))
    expected = points / np.linalg.norm(points, axis=1, keepdims=True)
    assert np.abs(rays - expected).max() < 1e-6


@pytest.mark.parametrize("degrees", [60.0, 89.9, 90.0, 100.0])
def test_a_fisheye_lens_sees_beyond_ninety_degrees(degrees: float) -> None:
    camera = Camera.create(STRAIGHT, FISHEYE)
    angle = np.radians(degrees)
    ray = np.array([np.sin(angle) * 0.6, np.sin(angle) * 0.8, np.cos(angle)])
    assert np.allclose(camera.unproject(camera.project(3.0 * ray)), ray, atol=1e-6)


def test_no_ray_where_the_lens_has_none() -> None:
    camera = Camera.create(STRAIGHT, [-0.3, 0.0, 0.0, 0.0, 0.0])  # folds over at radius 0.703
    assert np.isnan(camera.unproject(np.array([655.0 + 810 * 0.8, 350.0]))).all()
    assert np.isfinite(camera.unproject(np.array([655.0 + 810 * 0.5, 350.0]))).all()


def test_points_behind_the_camera_have_no_pixel() -> None:
    pixels = Camera.create(STRAIGHT).project(np.array([[0.1, 0.1, -2.0], [0.0, 0.0, 2.0]]))
    assert np.isnan(pixels[0]).all()
    assert np.allclose(pixels[1], [655.0, 350.0])


@pytest.mark.parametrize(
    ("intrinsics", "distortion"),
    [
        (np.eye(4), []),
        (np.diag([0.0, 500.0, 1.0]), []),
        (np.diag([500.0, -500.0, 1.0]), []),
        (np.full((3, 3), np.nan), []),
        (INTRINSICS.T, []),
        (INTRINSICS, [0.1, 0.2]),
        (INTRINSICS, [0.0] * 14),
        (INTRINSICS, [np.inf] * 5),
    ],
)
def test_numbers_that_are_no_camera_are_refused(
    intrinsics: np.ndarray, distortion: list[float]
) -> None:
    with pytest.raises(UserError) as caught:
        Camera.create(intrinsics, distortion)
    assert caught.value.fix
