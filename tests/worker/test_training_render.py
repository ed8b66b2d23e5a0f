# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmark changes in training, and the renderer where numba is installed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from painted_person import ASSETS, LIMBS

from nlf_blender.worker.evaluation.limbs import BLAZEPOSE_LIMBS
from nlf_blender.worker.training.body import RenderBody
from nlf_blender.worker.training.landmarks import (
    LandmarkChanges,
    changed_landmarks,
    matching_points,
)
from nlf_blender.worker.training.losses import crop_intrinsics, project


def made_crops(count: int = 40) -> SimpleNamespace:
    """Crops whose landmarks are exact projections of certain points of the pool."""
    random = torch.Generator().manual_seed(0)
    points = torch.randn(count, 80, 3, generator=random) * 0.3 + torch.tensor([0.0, 0.0, 4.0])
    focal = torch.full((count,), 400.0)
    shown = torch.arange(40, 73)
    shown[list(BLAZEPOSE_LIMBS)] = torch.tensor(LIMBS)
    landmarks = torch.zeros(count, 39, 5)
    seen = project(points[:, shown], crop_intrinsics(focal, 256))
    landmarks[:, :33, :2] = seen + 0.5
    crops = SimpleNamespace(points=points, focal=focal, landmarks=landmarks, shown=shown)
    return crops


class Sized(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.focal)


def test_landmarks_are_matched_with_the_points_they_show() -> None:
    crops = made_crops()
    found = matching_points(Sized(**vars(crops)))  # type: ignore[arg-type]
    assert found.tolist() == crops.shown.tolist()


@pytest.mark.parametrize("largest", [0.0, 1.0])
def test_corrected_landmarks_are_nearer_to_the_truth(largest: float) -> None:
    crops = made_crops()
    truth = crops.points[:, crops.shown]
    world = torch.zeros(len(truth), 39, 3)
    wrong = crops.landmarks + 5.0
    changes = LandmarkChanges(share=1.0, largest=largest, noise_px=0.0, noise_m=0.0)
    random = torch.Generator().manual_seed(1)
    moved, placed = changed_landmarks(wrong, world, truth, crops.focal, changes, random)
    before = (wrong - crops.landmarks)[:, :33, :2].norm(dim=-1)
    after = (moved - crops.landmarks)[:, :33, :2].norm(dim=-1)
    if largest == 0.0:
        assert torch.allclose(after, before, atol=1e-3)
        assert placed.abs().max() == 0
    else:
        assert float((after / before).mean()) == pytest.approx(0.5, abs=0.15)
        assert placed[:, :33].abs().max() > 0.1


def test_a_near_triangle_hides_a_far_one() -> None:
    pytest.importorskip("numba", reason="numba is needed to render training crops only")
    from nlf_blender.worker.training.raster import rasterize

    pixels = np.array([[1, 1], [1, 14], [14, 1], [1, 1], [1, 14], [14, 1]], np.float32)
    depths = np.array([2, 2, 2, 1, 1, 1], np.float32)
    colors = np.array([[1, 0, 0]] * 3 + [[0, 1, 0]] * 3, np.float32)
    faces = np.array([[3, 4, 5], [0, 1, 2]], np.int32)
    image, nearness = np.zeros((16, 16, 3), np.float32), np.zeros((16, 16), np.float32)
    rasterize(pixels, depths, colors, faces, image, nearness)
    assert image[4, 4].tolist() == pytest.approx([0, 1, 0])
    assert nearness[4, 4] == pytest.approx(1.0)
    assert image[15, 15].max() == 0


def test_crops_are_repeatable_and_upright() -> None:
    pytest.importorskip("numba", reason="numba is needed to render training crops only")
    from nlf_blender.worker.training.render import Studio

    motions = [np.tile(np.eye(3), (4, 24, 1, 1))]
    studio = Studio(RenderBody(ASSETS / "open_body.npz"), motions)
    crop, again = studio.crop(3), studio.crop(3)
    assert np.array_equal(crop.pixels, again.pixels)
    assert crop.pixels.shape == (256, 256, 3)
    leaning = []
    for seed in range(12):
        joints = studio.crop(seed).points[:24]
        assert (joints[:, 2] > 0).all()
        trunk = joints[[16, 17]].mean(axis=0) - joints[[1, 2]].mean(axis=0)
        leaning.append(abs(np.degrees(np.arctan2(trunk[0], -trunk[1]))))
    assert np.median(leaning) < 20
