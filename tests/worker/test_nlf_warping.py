# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixels of a crop are torch's own pooling and sampling of the whole image, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.nlf.crops import Augmentation, CropSpec, crop_view, float32, homogeneous
from nlf_blender.worker.nlf.warping import WarpStyle, pyramid_level, warp_crop

SIDE = 128
SAME_BITS = 0.75  # of the pixels; kernels of other processors round some differently


def _sampled(
    image: np.ndarray, camera: Camera, to_ray: torch.Tensor, level: int, white: bool
) -> torch.Tensor:
    """[3,S,S]: the whole image as light, halved, and sampled by torch, which pads with zeros."""
    light = (torch.from_numpy(image).permute(2, 0, 1)[None].float() * (1 / 255)) ** 2.2
    light = 1 - light if white else light
    for _ in range(level):
        light = functional.avg_pool2d(light, 2)
    shrink = 1 / 2**level
    shift = (shrink - 1) / 2
    smaller = torch.tensor([[shrink, 0, shift], [0, shrink, shift], [0, 0, 1]])
    steps = torch.arange(SIDE, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    rays = torch.einsum("hwc,Cc->hwC", homogeneous(grid), to_ray)
    flat = homogeneous(rays[..., :2] / rays[..., 2:])
    places = torch.einsum("hwc,Cc->hwC", flat, smaller @ float32(camera.intrinsics))[..., :2]
    span = torch.tensor([light.shape[3], light.shape[2]]) - 1.0
    places = places * (2 / span) - 1
    crop = functional.grid_sample(light, places[None], align_corners=True)[0]
    return 1 - crop if white else crop


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("white", [False, True])
def test_crops_are_sampled_as_torch_would(level: int, white: bool) -> None:
    width, height = 643, 481
    image = np.random.default_rng(level).integers(0, 256, (height, width, 3), dtype=np.uint8)
    camera = Camera.create([[600.0, 0, 330.5], [0, 610.0, 230.5], [0, 0, 1]])
    side = 100.0 * 2**level
    spec = CropSpec.square((width - 0.4 * side, 0.45 * side), side)  # hangs out of the picture
    view = crop_view(camera, spec, SIDE, Augmentation(0.3, 0.6, flip=True))
    assert pyramid_level(view.scale, 2) == level
    style = WarpStyle(linear_light=True, coarsest_level=2, white_outside=white)
    crop = torch.from_numpy(warp_crop(image, camera, view, SIDE, style, gamma=2.2))
    to_ray = torch.linalg.inv(float32(view.intrinsics) @ float32(view.rotation))
    expected = _sampled(image, camera, to_ray, level, white)
    assert (crop - expected).abs().max() < 1e-6
    assert (crop == expected).float().mean() > SAME_BITS
    beyond = 1.0 if white else 0.0
    assert (crop == beyond).all(dim=0).float().mean() > 0.02
