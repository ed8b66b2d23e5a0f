# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny footage of every kind, written by tests.

Every frame says which it is: its number in binary, as white and black squares along its top.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 96, 64
BITS = 8
SQUARE = WIDTH // BITS
TIME_BASE = Fraction(1, 90000)


def frame_picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """uint8 [H,W,3]: the number in binary along the top, and below it a dark disc on a slope of
    greys, which moves by a pixel a frame."""
    slope = np.linspace(90, 160, width)[None, :] + np.linspace(0, 30, height)[:, None]
    y, x = np.mgrid[:height, :width]
    disc = (x - (20 + number) % width) ** 2 + (y - height * 0.65) ** 2 < (height * 0.15) ** 2
    grey = np.where(disc, 40, slope)
    for bit in range(BITS):
        on = number >> bit & 1
        grey[: height // 4, bit * width // BITS : (bit + 1) * width // BITS] = 235 if on else 20
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def number_in(rgb: np.ndarray) -> int:
    """The number that `frame_picture` wrote, after any lossy coding and scaling."""
    height, width = rgb.shape[:2]
    row = rgb[height // 8, :, :].mean(axis=1)
    places = [int((bit + 0.5) * width / BITS) for bit in range(BITS)]
    return sum(1 << bit for bit, place in enumerate(places) if row[place] > 128)


def write_video(
    path: Path,
    pictures: Sequence[np.ndarray] | int | None = None,
    *,
    rate: Fraction | int = 24,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    container_options: dict[str, str] | None = None,
    tags: dict[str, int] | None = None,
) -> Path:
    """Write pictures (or so many of `frame_picture`) as a video. times: seconds, for a variable
    rate; rotation: degrees in its display matrix; tags: attributes of the encoder, such as its
    color_range."""
    if pictures is None:
        pictures = 24 if times is None else len(times)
    if isinstance(pictures, int):
        pictures = [frame_picture(number) for number in range(pictures)]
    if options is None:
        options = {"g": "8", "bf": "2"}
        if codec == "libx264":  # the same bytes from the same pictures
            options["x264-params"] = "cpu-independent=1:mbtree=0"
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if times is not None:
            stream.time_base = stream.codec_context.time_base = TIME_BASE
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        for number, picture in enumerate(pictures):
            kind = "rgba" if picture.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(picture, format=kind)
            if times is not None:
                frame.pts, frame.time_base = round(times[number] / TIME_BASE), TIME_BASE
            else:
                frame.pts, frame.time_base = number, 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sequence(
    folder: Path, numbers: Sequence[int], pattern: str = "shot_{:04d}.png", **options: object
) -> list[Path]:
    """Write `frame_picture`s of these numbers as image files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / pattern.format(number) for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        Image.fromarray(frame_picture(number)).save(path, **options)
    return paths


def cut_short(path: Path, share: float = 0.5) -> Path:
    """Keep only the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
