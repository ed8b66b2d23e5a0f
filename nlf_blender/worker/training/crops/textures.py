# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures out of nothing: what stands before or behind people where no photo is at hand."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Image = NDArray[np.uint8]
FINEST_CELLS = (3, 7, 17, 41)  # of the noise's scales, along the longer side


def draw_texture(random: Generator, width: int, height: int) -> Image:
    """A plain colour, a ramp or noise of several scales, with or without things: [h,w,3]."""
    first, second = (random_color(random) for _ in range(2))
    image = np.empty((height, width, 3), np.float32)
    ramp = random.random() < 0.5
    across = np.linspace(0, 1, width if random.random() < 0.5 else height, dtype=np.float32)
    along = across[None, :, None] if len(across) == width else across[:, None, None]
    image[:] = first + (second - first) * along if ramp else first
    if random.random() < 0.7:
        image += _noise(random, width, height)
    image = np.clip(image, 0, 255).astype(np.uint8)
    if random.random() < 0.6:
        for _ in range(int(random.integers(1, 12))):
            _draw_thing(random, image)
    return image


def random_color(random: Generator) -> NDArray[np.float32]:
    """RGB [3] in 0..255, greys as often as colours."""
    value = random.random() * 255
    spread = random.choice([20.0, 160.0])
    return np.clip(value + (random.random(3) - 0.5) * spread, 0, 255).astype(np.float32)


def _noise(random: Generator, width: int, height: int) -> NDArray[np.float32]:
    total = np.zeros((height, width, 3), np.float32)
    for cells in FINEST_CELLS:
        noise = random.random((cells, cells, 3), dtype=np.float32) - np.float32(0.5)
        if random.random() < 0.5:
            noise[:] = noise[..., :1]
        noise *= np.float32(random.uniform(0, 120))
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    return total


def _draw_thing(random: Generator, image: Image) -> None:
    """A line, a box, a disc or a patch with four corners, drawn into the image."""
    height, width = image.shape[:2]
    color = [float(value) for value in random_color(random)]
    corners = (random.uniform(-0.2, 1.2, (4, 2)) * [width, height]).astype(np.int32)
    kind = int(random.integers(4))
    if kind == 0:
        thickness = int(random.integers(1, max(2, width // 16)))
        cv2.line(image, corners[0].tolist(), corners[1].tolist(), color, thickness)
    elif kind == 1:
        cv2.rectangle(image, corners[0].tolist(), corners[1].tolist(), color, -1)
    elif kind == 2:
        axes = (random.uniform(0.02, 0.3, 2) * width).astype(int).tolist()
        cv2.ellipse(image, corners[0].tolist(), axes, random.uniform(0, 180), 0, 360, color, -1)
    else:
        cv2.fillPoly(image, [corners], color)
