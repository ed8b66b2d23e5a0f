# SPDX-License-Identifier: GPL-3.0-or-later
"""The renderer, where numba is installed."""

from __future__ import annotations

import numpy as np
import pytest
from painted_person import ASSETS

from nlf_blender.worker.training.body import RenderBody


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
