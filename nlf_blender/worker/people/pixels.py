# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a picture as network inputs, without copies of huge pictures."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from .person import Frame

Image = NDArray[np.uint8]


def letterbox(image: Image, side: int) -> tuple[Image, float, tuple[int, int]]:
    """The picture [H,W,3] in the middle of a black square [side,side,3].

    Returns the square, its pixels per pixel of the picture, and the offset (x, y) in it.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    new_width, new_height = (max(1, round(size * scale)) for size in (width, height))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, (new_width, new_height), interpolation=method)
    square = np.zeros((side, side, 3), np.uint8)
    left, top = (side - new_width) // 2, (side - new_height) // 2
    square[top : top + new_height, left : left + new_width] = resized
    return square, scale, (left, top)


def frame_pixels(image: Image, frame: Frame, crop_side: int) -> Image:
    """What lies in a frame: [crop_side,crop_side,3], black outside of the picture."""
    corners = frame.to_image(_CORNERS * (crop_side - 1), crop_side)
    limits = np.array([image.shape[1], image.shape[0]])
    first = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, limits - 1)
    last = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, first + 1, limits)
    region = image[first[1] : last[1], first[0] : last[0]]
    shrink = max(1, math.floor(frame.side / crop_side))
    size = [max(1, round(length / shrink)) for length in last - first]
    if shrink > 1:
        region = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
    factors = np.array(size) / (last - first)
    cosine, sine = math.cos(frame.roll), math.sin(frame.roll)
    turn = np.array([[cosine, -sine], [sine, cosine]]) * (frame.side / crop_side)
    shift = frame.center - turn @ np.full(2, (crop_side - 1) / 2) - first
    # Pixel centres are at whole numbers, so a shrunk region starts half a pixel inside.
    matrix = np.column_stack([turn, shift + 0.5]) * factors[:, None]
    matrix[:, 2] -= 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(region, matrix, (crop_side, crop_side), flags=flags)
    return np.asarray(warped, dtype=np.uint8)


_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
