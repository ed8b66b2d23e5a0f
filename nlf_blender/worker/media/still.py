# SPDX-License-Identifier: GPL-3.0-or-later
"""One image of a sequence: as photos are read, and, in formats of film, by libav."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from .hdr import srgb_curve
from .photo import BACKDROP, Photo, read_photo
from .upright import Upright

FILM_ENDINGS = frozenset((".exr", ".hdr", ".dpx", ".cin"))


def read_still(path: Path) -> Photo:
    """Read an image. UserError if there is none, or if it cannot be read to its end."""
    return _read_film(path) if path.suffix.lower() in FILM_ENDINGS else read_photo(path)


def _read_film(path: Path) -> Photo:
    try:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            rgb = _from_linear(frame) if _is_linear(frame) else Upright(frame, None).picture(frame)
    except FileNotFoundError as error:
        raise UserError(
            "No such image", f"{path} does not exist.", "Check the path of the sequence."
        ) from error
    except (av.FFmpegError, OSError, StopIteration, ValueError) as error:
        raise UserError(
            "Damaged image",
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.",
            "Render or export it again.",
        ) from error
    return Photo(path, "", rgb, None, as_stored=True)


def _is_linear(frame: av.VideoFrame) -> bool:
    return "f32" in frame.format.name or "f16" in frame.format.name


def _from_linear(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """Linear light as sRGB; transparent parts, whose colours are premultiplied, over BACKDROP."""
    red, green, blue, *alpha = _channels(frame)
    picture = srgb_curve(np.stack([red, green, blue], axis=-1))
    if alpha:
        picture = picture + (1 - alpha[0][..., None].clip(0, 1)) * (BACKDROP[0] / 255)
    return np.rint(255 * picture.clip(0, 1)).astype(np.uint8)


def _channels(frame: av.VideoFrame) -> list[NDArray[np.float32]]:
    """Red, green, blue and perhaps alpha [H,W] of a frame of floats, one plane a channel."""
    kind = np.dtype("<f2" if "f16" in frame.format.name else "<f4")
    planes: list[NDArray[np.float32]] = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, dtype=kind).reshape(plane.height, -1)
        values = rows[:, : plane.width].astype(np.float32)
        planes.append(np.nan_to_num(values, posinf=1.0, neginf=0.0))
    if frame.format.name.startswith("gbr"):
        green, blue, red, *alpha = planes
        return [red, green, blue, *alpha]
    if len(planes) > 2:
        raise ValueError(f"pixels are stored as {frame.format.name}")
    return [planes[0], planes[0], planes[0], *planes[1:]]
