# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of people, to tell them apart in a list."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
MARGIN = 1.1
QUALITY = 85


def thumbnail(image: Image, box: Sequence[float], side: int = 128) -> bytes:
    """A square JPEG of what is about a box (left, top, right, bottom) of a picture [H,W,3] RGB,
    black outside of it. ValueError if the box holds no pixel of the picture."""
    low, high = np.asarray(box, np.float64)[:2], np.asarray(box, np.float64)[2:]
    half = max(float((high - low).max()) * MARGIN / 2, 1.0)
    first = np.floor((low + high) / 2 - half).astype(int)
    size = int(np.ceil(2 * half))
    limits = np.array(image.shape[1::-1])
    start, stop = first.clip(0, limits), (first + size).clip(0, limits)
    if (stop <= start).any():
        raise ValueError("the box lies outside of the picture")
    scale = side / size
    square = np.zeros((side, side, 3), np.uint8)
    place = np.rint((start - first) * scale).astype(int).clip(0, side - 1)
    end = np.rint((stop - first) * scale).astype(int).clip(place + 1, side)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    part = cv2.resize(image[start[1] : stop[1], start[0] : stop[0]], (end - place).tolist(),
                      interpolation=method)  # fmt: skip
    square[place[1] : end[1], place[0] : end[0]] = part
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(square, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError("the thumbnail could not be written as JPEG")
    return data.tobytes()
