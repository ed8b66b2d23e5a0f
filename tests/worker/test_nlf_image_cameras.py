# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras of several images, from what users pass."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nlf_blender.body.conventions import intrinsics_from_fov
from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.image_cameras import default_intrinsics, image_cameras

IMAGES = [np.zeros((480, 640, 3), np.uint8), np.zeros((900, 600, 3), np.uint8)]
MATRIX = np.array([[520.0, 0, 318], [0, 523, 243], [0, 0, 1]])


def _placed() -> np.ndarray:
    extrinsics = np.eye(4)
    extrinsics[:3, :3] = cv2.Rodrigues(np.array([0.3, -0.5, 0.2]))[0]
    extrinsics[:3, 3] = [0.2, -1.3, 2.4]
    return extrinsics


@pytest.mark.parametrize("fov", [20.0, 55.0, 120.0])
def test_the_default_lens_sees_the_angle_along_the_larger_side(fov: float) -> None:
    wide, high = image_cameras(IMAGES, default_fov_degrees=fov)
    for camera, (width, height) in ((wide, (640, 480)), (high, (600, 900))):
        assert np.allclose(camera.lens.intrinsics, intrinsics_from_fov(fov, width, height))
    assert default_intrinsics(640, 480, fov)[:2, 2].tolist() == [319.5, 239.5]


def test_one_for_all_or_one_for_each() -> None:
    both = np.stack([MATRIX, 2 * MATRIX])
    both[1, 2, 2] = 1
    for given in (MATRIX, MATRIX[None]):
        cameras = image_cameras(IMAGES, given, [[0.1, 0, 0, 0, 0]])
        assert [camera.lens.intrinsics[0, 0] for camera in cameras] == [520, 520]
        assert [camera.lens.distortion[0] for camera in cameras] == [0.1, 0.1]
    cameras = image_cameras(IMAGES, both, [[0.1, 0, 0, 0], [0.2, 0, 0, 0]], [np.eye(4), _placed()])
    assert [camera.lens.intrinsics[0, 0] for camera in cameras] == [520, 1040]
    assert [camera.lens.distortion[0] for camera in cameras] == [0.1, 0.2]
    assert all(camera.lens.is_fisheye for camera in cameras)
    assert cameras[1].extrinsics[2, 3] == 2.4
    with pytest.raises(ValueError, match="intrinsics"):
        image_cameras(IMAGES, np.stack([MATRIX] * 3))
    with pytest.raises(ValueError, match="image"):
        image_cameras([])


@pytest.mark.parametrize("count", [4, 5, 12])
def test_zeros_are_an_ideal_lens(count: int) -> None:
    (camera,) = image_cameras(IMAGES[:1], MATRIX, np.zeros(count))
    assert camera.lens.distortion.size == 0


def test_world_and_camera() -> None:
    """OpenCV projects world points to the same pixels; the way back ends where it began."""
    lens = [-0.2, 0.05, 0.001, -0.001, 0.01]
    (camera,) = image_cameras(IMAGES[:1], MATRIX, lens, _placed())
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (30, 3))
    turn, shift = cv2.Rodrigues(_placed()[:3, :3])[0], _placed()[:3, 3]
    expected, _ = cv2.projectPoints(points, turn, shift, MATRIX, np.array(lens))
    assert np.abs(camera.project(points) - expected[:, 0]).max() < 1e-3
    seen = points @ _placed()[:3, :3].T + shift
    assert np.abs(camera.to_world(seen) - points).max() < 1e-6


def test_up_is_seen_by_the_camera() -> None:
    (camera,) = image_cameras(IMAGES[:1], MATRIX, None, _placed(), world_up=(0, 0, 1))
    assert np.allclose(camera.lens.up, _placed()[:3, 2], atol=1e-6)
    (plain,) = image_cameras(IMAGES[:1])
    assert plain.lens.up.tolist() == [0, -1, 0]


@pytest.mark.parametrize("fov", [0.0, -20.0, 180.0, float("nan")])
def test_angles_that_no_picture_has_are_refused(fov: float) -> None:
    with pytest.raises(UserError, match="field of view"):
        image_cameras(IMAGES, default_fov_degrees=fov)


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.eye(3), np.full((4, 4), np.nan)])
def test_what_places_no_camera_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(UserError, match="extrinsics"):
        image_cameras(IMAGES, MATRIX, None, bad)
