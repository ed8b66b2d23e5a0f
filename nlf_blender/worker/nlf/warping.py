# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixels of a crop: an image as the crop's virtual camera sees it, without moire.

An image that is large beside its crop is first halved until a crop pixel is one to two of its
pixels wide, each time to the means of 2x2 pixels. Supersampling (`antialias_factor`) renders a
larger crop and averages it, which smooths what is left. Both mix light, not sRGB values, where
the model was trained so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from .camera import Camera
from .crops import CropView, float32, homogeneous
from .lens32 import bend

Float32Array = NDArray[np.float32]
LINEAR_GAMMA = 2.2
STRIP_ROWS = 512
COARSEST_LEVEL = 6
OFFICIAL_COARSEST_LEVEL = 2
LARGEST_BOX_FILTER = 4  # from larger factors the official wrapper averages with a triangle
LARGEST_ANTIALIAS_FACTOR = 8
FAR = 1e6  # pixels, beyond any image


@dataclass(frozen=True)
class WarpStyle:
    """linear_light: whether pixels are mixed by their light or by their sRGB values.
    coarsest_level: how often the image is halved at most; beyond that, fine patterns alias.
    antialias_factor: samples per crop pixel along each axis, 1 to 8. white_outside: whether white
    or black lies beyond the image.
    """

    linear_light: bool
    coarsest_level: int = COARSEST_LEVEL
    antialias_factor: int = 1
    white_outside: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.antialias_factor <= LARGEST_ANTIALIAS_FACTOR:
            raise ValueError(f"antialias_factor must be 1 to 8, not {self.antialias_factor}")


def tone_table(linear_light: bool) -> Float32Array:
    """[256]: what a byte is worth when pixels are mixed, its sRGB value or about its light."""
    values = torch.arange(256, dtype=torch.float32) * (1 / 255)
    return (values**LINEAR_GAMMA if linear_light else values).numpy()


def warp_crop(
    image: NDArray[np.uint8],
    camera: Camera,
    view: CropView,
    crop_side: int,
    style: WarpStyle,
    gamma: float = 1.0,
) -> Float32Array:
    """The crop [3,S,S] of an image [H,W,3], RGB 0..1. gamma: exponent on its sRGB values."""
    size = (image.shape[1], image.shape[0])
    places, level = crop_places(size, camera, view, crop_side, style)
    return warp_places(image, places, level, style, gamma)


def crop_places(
    size: tuple[int, int], camera: Camera, view: CropView, crop_side: int, style: WarpStyle
) -> tuple[Float32Array, int]:
    """Where each sample of a crop is in an image (width, height) that was halved so many times:
    [S f,S f,2], with f the antialias factor, and how many."""
    factor = style.antialias_factor
    most = min(size).bit_length() - 1  # of the narrowest image, a pixel remains
    level = min(pyramid_level(view.scale * factor, style.coarsest_level), most)
    shrunk = (size[0] >> level, size[1] >> level)
    return _sample_places(camera, view, crop_side, factor, level, shrunk), level


def warp_places(
    image: NDArray[np.uint8],
    places: Float32Array,
    level: int,
    style: WarpStyle,
    gamma: float = 1.0,
) -> Float32Array:
    """The crop [3,S,S] of an image [H,W,3] by what `crop_places` gives; gamma as of `warp_crop`."""
    factor = style.antialias_factor
    crop_side = len(places) // factor
    tone = tone_table(style.linear_light)
    if style.white_outside:
        tone = 1 - tone
    tile, origin = _shrunk_region(image, places, level, tone)
    if tile is None:
        outside = 1.0 if style.white_outside else 0.0
        return np.full((3, crop_side, crop_side), outside, dtype=np.float32)
    planes = _sampled(tile, places - origin)
    if style.white_outside:
        planes = (1 - planes).clamp_(0, 1)
    planes = _averaged(planes, crop_side, factor).contiguous()
    exponent = float32(gamma) / LINEAR_GAMMA if style.linear_light else float32(gamma)
    return planes.pow_(exponent).numpy() if exponent != 1.0 else planes.numpy()


def pyramid_level(scale: float, coarsest: int) -> int:
    """How often to halve an image that is sampled at `scale` samples per pixel."""
    return min(max(0, math.floor(-math.log2(scale))), coarsest)


def _sample_places(
    camera: Camera, view: CropView, crop_side: int, factor: int, level: int, size: tuple[int, int]
) -> Float32Array:
    """Where in the image, halved `level` times to `size`, each sample comes from: [S f,S f,2],
    far outside where it cannot."""
    to_ray = torch.linalg.inv(float32(view.intrinsics) @ float32(view.rotation))
    if factor > 1:
        to_ray = to_ray @ _scaling(1 / factor)
    steps = torch.arange(crop_side * factor, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1)
    rays = torch.einsum("hwc,Cc->hwC", homogeneous(grid), to_ray)
    plane = bend(rays[..., :2] / rays[..., 2:], float32(camera.distortion))
    to_pixel = _scaling(1 / 2**level) @ float32(camera.intrinsics)
    places = torch.einsum("hwc,Cc->hwC", homogeneous(plane), to_pixel)[..., :2]
    behind = rays[..., 2] <= 0
    if behind.any():
        pixels = camera.project(rays[behind].double().numpy())
        places[behind] = float32((pixels + 0.5) / 2**level - 0.5)
    return _rounded(places, size).nan_to_num(nan=-FAR).clamp_(-FAR, FAR).numpy()


def _scaling(factor: float) -> Tensor:
    """[3,3]: pixels to those of an image `factor` times as large, whose corners coincide."""
    shift = (factor - 1) / 2
    return torch.tensor([[factor, 0.0, shift], [0.0, factor, shift], [0.0, 0.0, 1.0]])


def _rounded(places: Tensor, size: tuple[int, int]) -> Tensor:
    """Places [...,2] after the way to -1..1 and back that torch's grid_sample makes them go."""
    if min(size) == 1:
        return places
    span = torch.tensor(size, dtype=torch.float32) - 1
    return ((places * (2 / span) - 1) + 1) * (span / 2)


def _sampled(tile: Float32Array, places: Float32Array) -> Tensor:
    """The values [3,S,S] between the pixels of a tile [h,w,3] at places [S,S,2], zero beyond it,
    with the roundings of torch's grid_sample, which multiplies and adds in one step."""
    corner = np.floor(places)
    x, y = (torch.from_numpy(cv2.extractChannel(places - corner, axis)) for axis in (0, 1))
    shares = {(0, 0): (1 - x) * (1 - y), (1, 0): x * (1 - y), (0, 1): (1 - x) * y, (1, 1): x * y}
    mixed = torch.zeros(3, *places.shape[:-1])
    values = torch.empty_like(mixed)
    for step, share in shares.items():
        near = corner + np.array(step, dtype=np.float32)
        pixels = cv2.remap(tile, near, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
        cv2.split(pixels, list(values.numpy()))
        mixed.addcmul_(values, share)
    return mixed


def _averaged(samples: Tensor, crop_side: int, factor: int) -> Tensor:
    """Samples [3,S f,S f] -> pixels [3,S,S]."""
    if factor == 1:
        return samples
    if factor <= LARGEST_BOX_FILTER:
        return functional.avg_pool2d(samples[None], factor)[0]
    size = (crop_side, crop_side)
    return functional.interpolate(samples[None], size, mode="bilinear", antialias=True)[0]


def _shrunk_region(
    image: NDArray[np.uint8], places: Float32Array, level: int, tone: Float32Array
) -> tuple[Float32Array | None, Float32Array]:
    """The part of the shrunk image that `places` [...,2] touch, toned and halved `level` times.

    Only that part becomes floats, in strips, so that a huge picture needs no huge copies. Rows and
    columns at the far edges that fill no whole block are left out. Returns None if nothing is
    touched, and the region's corner.
    """
    factor = 2**level
    limits = np.array([image.shape[1], image.shape[0]]) // factor
    columns_rows = np.ascontiguousarray(places.reshape(-1, 2).T)  # reduces ten times faster
    lowest, highest = columns_rows.min(axis=1), columns_rows.max(axis=1)
    if (highest <= -1).any() or (lowest >= limits).any():
        return None, np.zeros(2, dtype=np.float32)
    first = np.clip(np.floor(lowest) - 1, 0, limits - 1).astype(int)
    last = np.clip(np.ceil(highest) + 2, first + 1, limits).astype(int)
    columns = slice(first[0] * factor, last[0] * factor)
    strips = []
    for row in range(first[1], last[1], max(1, STRIP_ROWS // factor)):
        row_end = min(row + max(1, STRIP_ROWS // factor), last[1])
        strip = cv2.LUT(image[row * factor : row_end * factor, columns], tone)
        for _ in range(level):
            size = (strip.shape[1] // 2, strip.shape[0] // 2)
            strip = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
        strips.append(strip)
    return np.concatenate(strips), first.astype(np.float32)
