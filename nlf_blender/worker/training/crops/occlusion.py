# SPDX-License-Identifier: GPL-3.0-or-later
"""Things in front of people: shapes, patches of noise (random erasing), cut-outs of other people.

All is drawn into the crop; what the truth knows stays true, for it is asked of hidden points too.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .picture_bank import PictureBank
from .textures import draw_texture, random_color

Image = NDArray[np.uint8]
CORNERS = 7  # of the most ragged shape


@dataclass(frozen=True)
class OcclusionSettings:
    """Shares are of crops, and chosen one by one. most: how many shapes at most. smallest, largest:
    what a thing measures, as shares of the crop's side."""

    shape_share: float = 0.35
    most: int = 3
    noise_share: float = 0.1
    cut_out_share: float = 0.2
    smallest: float = 0.06
    largest: float = 0.4

    @classmethod
    def off(cls) -> OcclusionSettings:
        """No variation."""
        return cls(shape_share=0.0, noise_share=0.0, cut_out_share=0.0)


def occlude(
    random: Generator, image: Image, settings: OcclusionSettings, bank: PictureBank
) -> Image:
    """A crop [S,S,3] with or without things in front, of the same bytes in memory."""
    shapes, noise, cut_out = random.random(3)
    if shapes < settings.shape_share:
        for _ in range(int(random.integers(1, settings.most + 1))):
            _draw_shape(random, image, settings)
    if noise < settings.noise_share:
        _erase(random, image, settings)
    if cut_out < settings.cut_out_share:
        _paste(random, image, settings, bank)
    return image


def _rectangle(
    random: Generator, side: int, settings: OcclusionSettings
) -> tuple[int, int, int, int]:
    """A random place near the middle as left, top, right, bottom, within the crop."""
    sizes = np.exp(random.uniform(*np.log([settings.smallest, settings.largest]), 2)) * side
    middle = random.normal(0.5, 0.22, 2) * side
    first = (middle - sizes / 2).clip(0, side - 2).astype(int)
    last = (middle + sizes / 2).clip(first + 2, side).astype(int)
    return (*first.tolist(), *last.tolist())


def _draw_shape(random: Generator, image: Image, settings: OcclusionSettings) -> None:
    """A box, disc or ragged patch of a plain colour or a texture."""
    left, top, right, bottom = _rectangle(random, len(image), settings)
    width, height = right - left, bottom - top
    part = image[top:bottom, left:right]
    mask = np.zeros((height, width), np.uint8)
    kind = int(random.integers(3))
    if kind == 0:
        mask[:] = 255
    elif kind == 1:
        middle, axes = (width // 2, height // 2), (max(width // 2, 1), max(height // 2, 1))
        cv2.ellipse(mask, middle, axes, 0, 0, 360, 255, -1)
    else:
        angles = np.sort(random.uniform(0, 2 * np.pi, CORNERS))
        rays = np.column_stack([np.cos(angles), np.sin(angles)]) * random.uniform(0.4, 1, (7, 1))
        corners = ((rays + 1) / 2 * [width, height]).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255)
    plain = random.random() < 0.4
    filling = random_color(random) if plain else draw_texture(random, width, height)
    part[mask > 0] = filling.astype(np.uint8) if plain else filling[mask > 0]


def _erase(random: Generator, image: Image, settings: OcclusionSettings) -> None:
    """Noise of every value in a box (random erasing, Zhong et al. 2020)."""
    left, top, right, bottom = _rectangle(random, len(image), settings)
    shape = (bottom - top, right - left, 3)
    image[top:bottom, left:right] = random.integers(0, 256, shape, dtype=np.uint8)


def _paste(random: Generator, image: Image, settings: OcclusionSettings, bank: PictureBank) -> None:
    """Somebody of another picture, mirrored or not, of a random size."""
    cut_out = bank.cut_out(random)
    if cut_out is None:
        _draw_shape(random, image, settings)
        return
    left, top, right, bottom = _rectangle(random, len(image), settings)
    height, width = cut_out.shape[:2]
    scale = max(right - left, bottom - top) / max(width, height)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = cv2.resize(cut_out, size, interpolation=cv2.INTER_AREA)
    if random.random() < 0.5:
        small = small[:, ::-1]
    part = image[top : top + size[1], left : left + size[0]]
    small = small[: part.shape[0], : part.shape[1]]
    alpha = small[..., 3:].astype(np.float32) / 255
    mixed = part * (1 - alpha) + small[..., :3] * alpha
    part[:] = np.rint(mixed).astype(np.uint8)
