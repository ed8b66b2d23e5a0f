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
from numpy.typing import NDArray

from .camera import Camera, Float64Array
from .crops import CropView

Float32Array = NDArray[np.float32]
LINEAR_GAMMA = 2.2
STRIP_ROWS = 512
COARSEST_LEVEL = 6
OFFICIAL_COARSEST_LEVEL = 2
LARGEST_BOX_FILTER = 4  # from larger factors the official wrapper averages with a triangle
LARGEST_ANTIALIAS_FACTOR = 8
BLACK, WHITE = 0.0, 1.0


@dataclass(frozen=True)
class WarpStyle:
    """linear_light: whether pixels are mixed by their light or by their sRGB values.
    coarsest_level: how often the image is halved at most; beyond that, fine patterns alias.
    antialias_factor: samples per crop pixel along each axis, 1 to 8. outside: the value of what
    lies beyond the image.
    """

    linear_light: bool
    coarsest_level: int = COARSEST_LEVEL
    antialias_factor: int = 1
    outside: float = BLACK

    def __post_init__(self) -> None:
        if not 1 <= self.antialias_factor <= LARGEST_ANTIALIAS_FACTOR:
            raise ValueError(f"antialias_factor must be 1 to 8, not {self.antialias_factor}")


def tone_table(linear_light: bool) -> Float32Array:
    """[256]: what a byte is worth when pixels are mixed, its sRGB value or about its light."""
    values = np.arange(256, dtype=np.float64) / 255
    return (values**LINEAR_GAMMA if linear_light else values).astype(np.float32)


def warp_crop(
    image: NDArray[np.uint8],
    camera: Camera,
    view: CropView,
    crop_side: int,
    style: WarpStyle,
    gamma: float = 1.0,
) -> Float32Array:
    """The crop [3,S,S] of an image [H,W,3], RGB 0..1. gamma: exponent on its sRGB values."""
    factor = style.antialias_factor
    pixels = _image_positions(camera, view, crop_side, factor)
    most = min(image.shape[:2]).bit_length() - 1  # of the narrowest image, a pixel remains
    level = min(pyramid_level(view.scale * factor, style.coarsest_level), most)
    tile, origin = _shrunk_region(image, pixels, 2**level, tone_table(style.linear_light))
    if tile is None:
        return np.full((3, crop_side, crop_side), style.outside, dtype=np.float32)
    places = ((pixels + 0.5) / 2**level - 0.5 - origin).astype(np.float32)
    border = (style.outside,) * 3
    crop = cv2.remap(
        tile, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border
    )
    crop = _averaged(crop, crop_side, factor)
    exponent = gamma / LINEAR_GAMMA if style.linear_light else gamma
    if exponent != 1.0:
        cv2.pow(crop, exponent, crop)
    return np.ascontiguousarray(crop.transpose(2, 0, 1))


def pyramid_level(scale: float, coarsest: int) -> int:
    """How often to halve an image that is sampled at `scale` samples per pixel."""
    return min(max(0, math.floor(-math.log2(scale))), coarsest)


def _image_positions(camera: Camera, view: CropView, crop_side: int, factor: int) -> Float64Array:
    """Where in the image each sample comes from: [S f,S f,2], far outside where it cannot."""
    to_ray = np.linalg.inv(view.intrinsics @ view.rotation)
    steps = (np.arange(crop_side * factor, dtype=np.float64) + 0.5) / factor - 0.5
    rays = steps[None, :, None] * to_ray[:, 0] + steps[:, None, None] * to_ray[:, 1] + to_ray[:, 2]
    return np.nan_to_num(camera.project(rays), nan=-1e4).clip(-1e4, 1e6)


def _averaged(samples: Float32Array, crop_side: int, factor: int) -> Float32Array:
    """Samples [S f,S f,3] -> pixels [S,S,3]."""
    if factor == 1:
        return samples
    if factor <= LARGEST_BOX_FILTER:
        size = (crop_side, crop_side)
        return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_AREA), np.float32)
    planes = torch.from_numpy(samples).permute(2, 0, 1)[None]
    smooth = torch.nn.functional.interpolate(
        planes, (crop_side, crop_side), mode="bilinear", antialias=True
    )
    return np.ascontiguousarray(smooth[0].permute(1, 2, 0).numpy())


def _shrunk_region(
    image: NDArray[np.uint8], pixels: Float64Array, factor: int, tone: Float32Array
) -> tuple[Float32Array | None, Float64Array]:
    """The part of the image that `pixels` [...,2] touch, toned and shrunk by `factor`.

    Only that part becomes floats, in strips, so that a huge picture needs no huge copies. Rows and
    columns at the far edges that fill no whole block are left out. Returns None if nothing is
    touched, and the region's corner in shrunk pixels.
    """
    limits = np.array([image.shape[1], image.shape[0]])
    columns_rows = np.ascontiguousarray(pixels.reshape(-1, 2).T)  # reduces ten times faster
    lowest, highest = columns_rows.min(axis=1), columns_rows.max(axis=1)
    blocks = limits // factor
    if (highest <= -factor).any() or (lowest >= limits - 1 + factor).any():
        return None, np.zeros(2)
    first = np.clip(np.floor(lowest / factor) - 1, 0, blocks - 1).astype(int)
    last = np.clip(np.ceil(highest / factor) + 1, first + 1, blocks).astype(int)
    columns = slice(first[0] * factor, last[0] * factor)
    strips = []
    for row in range(first[1], last[1], max(1, STRIP_ROWS // factor)):
        row_end = min(row + max(1, STRIP_ROWS // factor), last[1])
        strip = cv2.LUT(image[row * factor : row_end * factor, columns], tone)
        if factor > 1:
            size = (int(last[0] - first[0]), int(row_end - row))
            strip = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
        strips.append(strip)
    return np.concatenate(strips), first.astype(np.float64)
