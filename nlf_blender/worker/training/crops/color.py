# SPDX-License-Identifier: GPL-3.0-or-later
"""What cameras, files and light do to colours: tone, tint, grey, blur, noise, resolution, JPEG."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class ColorSettings:
    """Amounts are the largest ones, drawn evenly on both sides of none; shares are of crops.

    brightness: added, of 0..1. contrast, saturation: of the logarithm of the factor. gamma: of the
    logarithm of the exponent. hue: part of the colour circle. blur: standard deviation in pixels.
    noise: standard deviation of 0..1. smallest: share of the crop's side to which it is shrunk and
    enlarged again. worst_jpeg: the lowest quality of JPEG.
    """

    brightness: float = 0.1
    contrast: float = 0.3
    gamma: float = 0.3
    saturation: float = 0.4
    hue: float = 0.05
    grey_share: float = 0.05
    blur_share: float = 0.15
    blur: float = 1.5
    shrink_share: float = 0.12
    smallest: float = 0.2
    noise_share: float = 0.3
    noise: float = 0.03
    jpeg_share: float = 0.25
    worst_jpeg: int = 25

    @classmethod
    def off(cls) -> ColorSettings:
        """No variation."""
        return cls(0, 0, 0, 0, 0, grey_share=0, blur_share=0, shrink_share=0, noise_share=0,
                   jpeg_share=0)  # fmt: skip


def vary_colors(random: Generator, image: Image, settings: ColorSettings) -> Image:
    """A crop [S,S,3] RGB as another camera, light or file would have it: [S,S,3]."""
    image = _toned(random, image, settings)
    image = _tinted(random, image, settings)
    if random.random() < settings.blur_share:
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, max(settings.blur, 0.3)))
    if random.random() < settings.shrink_share:
        image = _shrunk(random, image, settings.smallest)
    if random.random() < settings.noise_share:
        image = _noisy(random, image, settings.noise)
    if random.random() < settings.jpeg_share:
        image = _recompressed(image, int(random.integers(settings.worst_jpeg, 96)))
    return np.asarray(image, dtype=np.uint8)


def _toned(random: Generator, image: Image, settings: ColorSettings) -> Image:
    """Brightness, contrast and gamma in one table."""
    brightness, contrast, gamma = random.uniform(-1, 1, 3)
    if not (settings.brightness or settings.contrast or settings.gamma):
        return image
    values = (np.arange(256) / 255) ** math.exp(settings.gamma * gamma)
    values = (values - 0.5) * math.exp(settings.contrast * contrast) + 0.5
    values += settings.brightness * brightness
    return cv2.LUT(image, np.rint(values.clip(0, 1) * 255).astype(np.uint8))


def _tinted(random: Generator, image: Image, settings: ColorSettings) -> Image:
    """Saturation and hue as one matrix in RGB: a factor away from grey, and a turn about it."""
    saturation, hue = random.uniform(-1, 1, 2)
    grey = random.random() < settings.grey_share
    if not (settings.saturation or settings.hue or grey):
        return image
    factor = 0.0 if grey else math.exp(settings.saturation * saturation)
    turn = _turn_about_grey(2 * math.pi * settings.hue * hue)
    to_grey = np.tile(LUMA, (3, 1))
    matrix = to_grey + factor * (turn - turn @ to_grey)
    return cv2.transform(image, matrix)


def _turn_about_grey(angle: float) -> NDArray[np.float64]:
    """[3,3]: the turn about the axis (1,1,1)."""
    rotation, _ = cv2.Rodrigues(np.full(3, angle / math.sqrt(3)))
    return np.asarray(rotation)


def _shrunk(random: Generator, image: Image, smallest: float) -> Image:
    """As of a person who is small in the photo."""
    side = image.shape[0]
    small = max(8, round(side * math.exp(random.uniform(math.log(smallest), 0))))
    shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
    method = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(random.integers(2))]
    return cv2.resize(shrunk, (side, side), interpolation=method)


def _noisy(random: Generator, image: Image, largest: float) -> Image:
    """Independent noise of every value, and in half of the cases equal noise of all colours."""
    deviation = 255 * largest * random.random()
    equal = random.random() < 0.5
    shape = (*image.shape[:2], 1 if equal else 3)
    noise = random.standard_normal(shape, dtype=np.float32) * np.float32(deviation)
    return np.rint(image + noise).clip(0, 255).astype(np.uint8)


def _recompressed(image: Image, quality: int) -> Image:
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
