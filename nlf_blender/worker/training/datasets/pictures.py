# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of a dataset: encoded, decoded, and checked to be whole."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .report import Unusable

UInt8Array = NDArray[np.uint8]
# What members of shards are called, by Pillow's names of the formats.
ENDINGS = {"JPEG": "jpg", "PNG": "png"}
PICTURE_ENDINGS = tuple(ENDINGS.values())
JPEG_QUALITY = 92  # of pictures that are drawn, or come in another format
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"


def encoded(rgb: UInt8Array, ending: str = "jpg") -> tuple[str, bytes]:
    """A picture [H,W,3] RGB as JPEG or PNG: its ending and its bytes."""
    options = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY) if ending == "jpg" else ()
    data = cv2.imencode(f".{ending}", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)[1]
    return ending, data.tobytes()


def decoded(data: bytes, size: tuple[int, int]) -> UInt8Array:
    """The RGB [H,W,3] of a JPEG or PNG of this width and height. Unusable if it is not whole or
    has another size.

    Orientation flags are not heeded: annotations are of the pixels as they are stored.
    """
    # OpenCV before 5 makes the missing part of a JPEG grey, and says nothing
    cut = data.startswith(JPEG_START) and JPEG_END not in data[-64:]
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    bgr = None if cut or not data else cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if bgr is None:
        raise Unusable("image broken")
    if bgr.shape[1::-1] != tuple(size):
        shown = "x".join(map(str, bgr.shape[1::-1]))
        raise Unusable("image of another size", f"{shown} pixels, not {size[0]}x{size[1]}")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def read_picture(path: Path) -> tuple[tuple[str, bytes], tuple[int, int]]:
    """A picture file as it goes into a shard (ending and bytes), and its width and height.

    JPEG and PNG are kept as they are, other formats become JPEG. Unusable says what is wrong.
    """
    try:
        data = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
            image.load()
    except FileNotFoundError as error:
        raise Unusable("image gone", str(path)) from error
    except (
        *(OSError, ValueError, SyntaxError, EOFError),
        *(UnidentifiedImageError, Image.DecompressionBombError),
    ) as error:
        raise Unusable("image broken", str(path)) from error
    ending = ENDINGS.get(image.format or "")
    if ending is not None and image.mode in ("RGB", "L", "P", "1"):
        return (ending, data), image.size
    return encoded(np.array(image.convert("RGB"))), image.size
