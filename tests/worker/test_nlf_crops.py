# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops: a point of the scene must be found in the crop where the crop's camera says it is."""

from __future__ import annotations

import math
import tracemalloc

import cv2
import numpy as np
import pytest
import torch

from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.nlf.crops import (
    Augmentation,
    CropSpec,
    CropView,
    crop_view,
    float32,
    look_at,
)
from nlf_blender.worker.nlf.lens32 import bend, unbend_roughly
from nlf_blender.worker.nlf.warping import (
    OFFICIAL_COARSEST_LEVEL,
    WarpStyle,
    pyramid_level,
    warp_crop,
)

SIDE = 256
SRGB, LIGHT = WarpStyle(linear_light=False), WarpStyle(linear_light=True)
LENSES = {
    "ideal": [],
    "brown": [-0.25, 0.08, 0.0012, -0.0007, -0.01],
    "fisheye": [0.05, -0.01, 0.004, -0.0006],
}
TWELVE = [-0.1, 0.05, 0.001, 0.002, 0.01, 0.1, 0.02, 0.0, 0.003, -0.001, 0.002, 0.001]


def _camera(lens: list[float] | None = None) -> Camera:
    return Camera.create([[620.0, 0, 399.5], [0, 610.0, 299.5], [0, 0, 1]], lens or [])


def _dot(pixel: np.ndarray, width: int = 800, height: int = 600, sigma: float = 5.0) -> np.ndarray:
    """A soft white dot on black, RGB bytes."""
    x, y = np.arange(width) - pixel[0], np.arange(height) - pixel[1]
    light = np.exp(-0.5 * (x[None] ** 2 + y[:, None] ** 2) / sigma**2)
    return np.repeat((255 * light).round().astype(np.uint8)[..., None], 3, axis=2)


def _centroid(crop: np.ndarray) -> np.ndarray:
    light = crop.mean(axis=0)
    grid = np.arange(SIDE)
    return np.array([(light.sum(0) * grid).sum(), (light.sum(1) * grid).sum()]) / light.sum()


@pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES.keys())
@pytest.mark.parametrize(
    "augmentation",
    [Augmentation(), Augmentation(0.4, 0.9, True), Augmentation(-0.3, 0.4, False)],
    ids=["plain", "turned and flipped", "half size"],
)
def test_a_point_lies_where_the_crops_camera_sees_it(
    lens: list[float], augmentation: Augmentation
) -> None:
    camera = _camera(lens)
    spec = CropSpec.square((520.0, 260.0), 330.0, roll=0.25)
    view = crop_view(camera, spec, SIDE, augmentation)
    assert (view.scale < 0.5) == (augmentation.scale < 0.5)  # one case uses the shrunk image
    assert np.linalg.det(view.rotation) == pytest.approx(-1.0 if augmentation.flip else 1.0)
    for pixel in ([520.0, 260.0], [585.0, 210.0], [455.0, 335.0]):
        point = camera.unproject(np.array(pixel)) * 3.7
        crop = warp_crop(_dot(np.array(pixel)), camera, view, SIDE, SRGB)
        assert np.abs(_centroid(crop) - view.project(point)).max() < 0.15


def test_a_ray_of_the_crop_meets_the_point_that_made_its_pixel() -> None:
    view = crop_view(_camera(), CropSpec.square((300.0, 200.0), 250.0, 0.4), 256)
    points = np.random.default_rng(0).uniform([-0.5, -0.5, 2.0], [0.5, 0.5, 4.0], (20, 3))
    rays = view.unproject(view.project(points))
    assert np.abs(rays * (points[:, 2:] / rays[:, 2:]) - points).max() < 1e-6


def test_the_box_fills_the_crop_and_its_middle_is_the_middle() -> None:
    camera = _camera()
    spec = CropSpec.from_box(300.0, 100.0, 420.0, 400.0)
    view = crop_view(camera, spec, SIDE)
    top, bottom = (camera.unproject(np.array([360.0, y])) for y in (100.0, 400.0))
    assert np.allclose(view.project(camera.unproject(np.array([360.0, 250.0]))), SIDE / 2)
    height = np.linalg.norm(view.project(top) - view.project(bottom))
    assert height == pytest.approx(SIDE, abs=0.01)


@pytest.mark.parametrize("roll", [0.0, 0.7, -1.2, math.pi])
def test_a_turned_box_stands_upright_in_the_crop(roll: float) -> None:
    camera = _camera()
    center = np.array([399.5, 299.5])
    view = crop_view(camera, CropSpec.square(tuple(center), 200.0, roll), SIDE)
    above = center + 80.0 * np.array([math.sin(roll), -math.cos(roll)])
    seen = view.project(camera.unproject(above)) - SIDE / 2
    assert abs(seen[0]) < 1.0
    assert seen[1] < -90.0


def test_the_roll_of_an_augmentation_adds_to_the_persons() -> None:
    camera = _camera()
    turned = crop_view(camera, CropSpec.square((500, 200), 200.0, 0.3), SIDE, Augmentation(0.2))
    plain = crop_view(camera, CropSpec.square((500, 200), 200.0, 0.5), SIDE)
    assert np.allclose(turned.rotation, plain.rotation)


def test_upright_follows_the_world() -> None:
    up = torch.tensor([0.2, -1.0, 0.1])
    rows = look_at(torch.tensor([0.3, 0.1, 1.0]), up)
    assert torch.allclose(rows @ rows.T, torch.eye(3), atol=1e-6)
    assert torch.linalg.det(rows) == pytest.approx(1.0)
    assert rows[1] @ up < 0
    assert float(rows[0] @ up) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("forward", [(0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.6, 0.0, 0.8)])
def test_straight_up_and_down_are_no_failures(forward: tuple[float, ...]) -> None:
    for sign in (1.0, -1.0):
        rows = look_at(torch.tensor(forward), sign * torch.tensor(forward))
        assert torch.allclose(rows @ rows.T, torch.eye(3), atol=1e-6)
        assert torch.linalg.det(rows) == pytest.approx(1.0)


@pytest.mark.parametrize(("linear", "expected"), [(True, 0.5 ** (1 / 2.2)), (False, 0.5)])
def test_fine_patterns_become_their_mean(linear: bool, expected: float) -> None:
    board = (np.indices((1600, 1600)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = np.repeat(board[..., None], 3, axis=2)
    camera = Camera.create([[1600.0, 0, 799.5], [0, 1600.0, 799.5], [0, 0, 1]])
    view = crop_view(camera, CropSpec.square((799.5, 799.5), 1500.0, 0.1), SIDE)
    inside = warp_crop(image, camera, view, SIDE, WarpStyle(linear))[:, 64:192, 64:192]
    assert np.abs(inside - expected).max() < 0.01


@pytest.mark.parametrize("linear", [True, False])
def test_gamma_works_on_srgb_values(linear: bool) -> None:
    image = np.full((600, 800, 3), (51, 102, 204), np.uint8)
    view = crop_view(_camera(), CropSpec.square((400, 300), 200.0), SIDE)
    crop = warp_crop(image, _camera(), view, SIDE, WarpStyle(linear), gamma=0.7)
    assert np.abs(crop[:, 128, 128] - np.array([0.2, 0.4, 0.8]) ** 0.7).max() < 1e-4


def test_black_outside_of_the_image() -> None:
    image = np.full((600, 800, 3), 255, np.uint8)
    view = crop_view(_camera(), CropSpec.square((0.0, 300.0), 200.0), SIDE)
    crop = warp_crop(image, _camera(), view, SIDE, SRGB)
    assert crop[:, 128, 5].max() == 0.0
    assert crop[:, 128, 250].min() == pytest.approx(1.0)
    away = crop_view(_camera(), CropSpec.square((-900.0, 300.0), 200.0), SIDE)
    assert warp_crop(image, _camera(), away, SIDE, LIGHT).max() == 0.0


@pytest.mark.parametrize("side", [1.0, 40.0, 1e7])
def test_the_smallest_image_and_silly_boxes(side: float) -> None:
    camera = Camera.create([[10.0, 0, 0], [0, 10.0, 0], [0, 0, 1]])
    view = crop_view(camera, CropSpec.square((0.0, 0.0), side), SIDE)
    crop = warp_crop(np.full((1, 1, 3), 255, np.uint8), camera, view, SIDE, LIGHT)
    assert crop.shape == (3, SIDE, SIDE)
    assert np.isfinite(crop).all()
    assert crop.max() > 0.0


def test_a_huge_picture_is_not_copied_as_floats() -> None:
    image = np.zeros((9000, 12000, 3), np.uint8)
    camera = Camera.create([[12000.0, 0, 5999.5], [0, 12000.0, 4499.5], [0, 0, 1]])
    view = crop_view(camera, CropSpec.square((6000.0, 4500.0), 8000.0), SIDE)
    tracemalloc.start()
    warp_crop(image, camera, view, SIDE, LIGHT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6  # a float copy of the region alone would take 768 MB


@pytest.mark.parametrize("spec", [CropSpec((300, 200), (0, 0)), CropSpec((1e5, 1e5), (50, 50))])
def test_boxes_that_show_nothing_are_refused(spec: CropSpec) -> None:
    camera = _camera([-0.3, 0.0, 0.0, 0.0, 0.0])
    with pytest.raises(UserError) as caught:
        crop_view(camera, spec, SIDE)
    assert caught.value.fix


def test_a_box_beyond_what_the_lens_sees_is_still_measured() -> None:
    camera = _camera([-0.3, 0.0, 0.0, 0.0, 0.0])
    view = crop_view(camera, CropSpec.square((400.0, 300.0), 900.0), SIDE)
    assert 0.5 * SIDE / 900 < view.scale < 1.1 * SIDE / 900


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_supersampling_is_the_mean_of_the_samples(factor: int) -> None:
    """A crop of twice the focal length per sample, averaged, is what antialias_factor gives."""
    board = (np.indices((600, 800)).sum(axis=0) // 3 % 2 * 255).astype(np.uint8)
    image = np.repeat(board[..., None], 3, axis=2)
    view = crop_view(_camera(), CropSpec.square((400.0, 300.0), 400.0, 0.2), SIDE)
    fine = view.intrinsics.copy()
    fine[:2, :2] *= factor
    fine[:2, 2] = (view.intrinsics[:2, 2] + 0.5) * factor - 0.5
    samples = warp_crop(
        image,
        _camera(),
        CropView(view.rotation, fine, view.scale * factor),
        SIDE * factor,
        LIGHT,
        gamma=2.2,
    )
    means = samples.reshape(3, SIDE, factor, SIDE, factor).mean(axis=(2, 4))
    style = WarpStyle(linear_light=True, antialias_factor=factor)
    crop = warp_crop(image, _camera(), view, SIDE, style, gamma=2.2)
    assert np.abs(crop - means).max() < 2e-3
    plain = warp_crop(image, _camera(), view, SIDE, LIGHT, gamma=2.2)
    assert np.abs(crop - plain).mean() > 0.02


@pytest.mark.parametrize("factor", [5, 8])
def test_more_samples_are_weighed_by_a_triangle(factor: int) -> None:
    ramp = np.tile(np.linspace(40, 215, 800), (600, 1)).round().astype(np.uint8)
    image = np.repeat(ramp[..., None], 3, axis=2)
    view = crop_view(_camera(), CropSpec.square((400.0, 300.0), 300.0), SIDE)
    style = WarpStyle(linear_light=False, antialias_factor=factor)
    crop = warp_crop(image, _camera(), view, SIDE, style)
    plain = warp_crop(image, _camera(), view, SIDE, SRGB)
    assert np.abs(crop - plain)[:, 2:-2, 2:-2].max() < 2 / 255  # of a ramp, any mean is the middle


@pytest.mark.parametrize("factor", [0, 9])
def test_numbers_of_samples_that_cannot_be_are_refused(factor: int) -> None:
    with pytest.raises(ValueError, match="antialias_factor"):
        WarpStyle(linear_light=True, antialias_factor=factor)


@pytest.mark.parametrize(
    ("scale", "level"),
    [(3.0, 0), (1.0, 0), (0.51, 0), (0.5, 1), (0.26, 1), (0.25, 2), (0.05, 2), (1e-4, 2)],
)
def test_levels_of_the_official_pyramid(scale: float, level: int) -> None:
    assert pyramid_level(scale, OFFICIAL_COARSEST_LEVEL) == level


def test_a_level_is_the_mean_of_its_pixels() -> None:
    """From an odd-sized image, against plain sampling of the reduced image by OpenCV."""
    image = np.random.default_rng(0).integers(0, 256, (1083, 1442, 3), dtype=np.uint8)
    camera = Camera.create([[1500.0, 0, 720.0], [0, 1500.0, 541.0], [0, 0, 1]])
    view = crop_view(camera, CropSpec.square((800.0, 560.0), 1050.0), SIDE)
    crop = warp_crop(image, camera, view, SIDE, SRGB)
    means = image[:1080, :1440].reshape(270, 4, 360, 4, 3).mean(axis=(1, 3)) / 255
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    pixels = camera.project(view.unproject(np.stack([x, y], axis=-1)))
    places = ((pixels + 0.5) / 4 - 0.5).astype(np.float32)
    expected = cv2.remap(means.astype(np.float32), places, None, cv2.INTER_LINEAR)
    assert np.abs(crop.transpose(1, 2, 0) - expected).max() < 1e-3


def test_where_one_level_ends_and_the_next_begins_nothing_jumps() -> None:
    smooth = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 256, (900, 900, 3), dtype=np.uint8), (0, 0), 9
    )
    camera = Camera.create([[900.0, 0, 449.5], [0, 900.0, 449.5], [0, 0, 1]])
    spec = CropSpec.square((449.5, 449.5), 520.0)
    scale = 0.5 / crop_view(camera, spec, SIDE).scale
    views = [crop_view(camera, spec, SIDE, Augmentation(scale=scale * s)) for s in (0.9999, 1.0001)]
    assert [pyramid_level(view.scale, 2) for view in views] == [1, 0]
    coarse, fine = (warp_crop(smooth, camera, view, SIDE, SRGB) for view in views)
    assert np.abs(coarse - fine).max() < 0.01


def test_white_outside_of_the_image() -> None:
    image = np.zeros((600, 800, 3), np.uint8)
    view = crop_view(_camera(), CropSpec.square((0.0, 300.0), 200.0), SIDE)
    style = WarpStyle(linear_light=True, white_outside=True)
    crop = warp_crop(image, _camera(), view, SIDE, style, gamma=0.6)
    assert crop[:, 128, 5].min() == 1.0
    assert crop[:, 128, 250].max() == 0.0
    assert not image.any()
    away = crop_view(_camera(), CropSpec.square((-900.0, 300.0), 200.0), SIDE)
    assert warp_crop(image, _camera(), away, SIDE, style).min() == 1.0


@pytest.mark.parametrize("lens", [TWELVE, *LENSES.values()])
def test_a_crop_is_opencvs_undistorted_picture(lens: list[float]) -> None:
    """Undistorted by OpenCV as the crop's camera sees it, with the same lens and rotation."""
    noise = np.random.default_rng(2).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(noise, (0, 0), 4)
    camera = _camera(lens)
    view = crop_view(camera, CropSpec.square((560.0, 240.0), 240.0), SIDE, Augmentation(0.3))
    make = cv2.fisheye.initUndistortRectifyMap if camera.is_fisheye else cv2.initUndistortRectifyMap
    coefficients = np.array(lens) if lens else np.zeros(5)
    maps = make(
        camera.intrinsics, coefficients, view.rotation, view.intrinsics, (SIDE, SIDE), cv2.CV_32FC1
    )
    expected = cv2.remap(image.astype(np.float32) / 255, *maps, cv2.INTER_LINEAR)
    crop = warp_crop(image, camera, view, SIDE, SRGB)
    assert np.abs(crop.transpose(1, 2, 0) - expected).max() < 2e-3


@pytest.mark.parametrize("lens", [TWELVE, *LENSES.values()])
def test_single_precision_lenses_are_the_double_ones(lens: list[float]) -> None:
    plane = np.random.default_rng(3).uniform(-0.5, 0.5, (50, 2))
    points = np.column_stack([plane, np.ones(50)])
    unit = Camera.create(np.eye(3), lens)
    bent = bend(float32(plane), float32(lens))
    assert np.abs(bent.numpy() - unit.project(points)).max() < 1e-6
    assert (unbend_roughly(bent, float32(lens)) - float32(plane)).abs().max() < 2e-3


def test_a_lens_that_cannot_be_undone_roughly_is_undone_well() -> None:
    camera = _camera([-0.33, 0.05, 0.0, 0.0, 0.0])
    spec = CropSpec.square((40.0, 40.0), 30.0)
    view = crop_view(camera, spec, SIDE)
    middle = camera.unproject(np.array(spec.center))
    assert np.abs(view.project(middle) - SIDE / 2).max() < 0.1 * SIDE


def test_a_flipped_crop_of_a_mirrored_picture_is_the_crop() -> None:
    noise = np.random.default_rng(4).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(noise, (0, 0), 3)
    camera = _camera()
    spec, mirrored = CropSpec.square((520.0, 260.0), 330.0), CropSpec.square((279.0, 260.0), 330.0)
    plain = crop_view(camera, spec, SIDE, Augmentation(0.2))
    flipped = crop_view(camera, mirrored, SIDE, Augmentation(-0.2, flip=True))
    assert np.allclose(flipped.rotation, plain.rotation @ np.diag([-1.0, 1.0, 1.0]), atol=1e-6)
    first = warp_crop(image, camera, plain, SIDE, LIGHT)
    second = warp_crop(np.ascontiguousarray(image[:, ::-1]), camera, flipped, SIDE, LIGHT)
    assert np.abs(first - second).max() < 1e-3
