# SPDX-License-Identifier: GPL-3.0-or-later
"""Any path as footage: what is there is found from its content, not from its name's ending."""

from __future__ import annotations

from pathlib import Path

import av
from PIL import Image, UnidentifiedImageError

from ...protocol.take import PHOTO, SEQUENCE, VIDEO
from .animation import AnimatedPicture
from .footage import Footage, FootageInfo, SourceFrame
from .media_errors import missing_footage
from .sequence import ImageSequence
from .sequence_files import IMAGE_ENDINGS, is_pattern, sequence_files
from .video import VideoFootage

__all__ = ["Footage", "FootageInfo", "SourceFrame", "kind_of", "open_footage"]

ONE_IMAGE_DEMUXERS = ("image2", "_pipe")  # parts of the names of demuxers for single images


def kind_of(path: Path) -> str:
    """PHOTO, VIDEO or SEQUENCE (protocol/take.py) by what is at a path: a folder and a pattern
    (`shot_####.png`, `shot_%04d.png`) are sequences, an animated GIF, PNG or WebP is a video, and
    so is what cannot be told, unless it is called like a photo. UserError if nothing is there."""
    if path.is_dir() or is_pattern(path):
        return SEQUENCE
    unknown = PHOTO if path.suffix.lower() in IMAGE_ENDINGS else VIDEO
    if not path.exists():
        if unknown == PHOTO:
            return PHOTO  # whoever reads it tells that it is missing
        raise missing_footage(path)
    try:
        with Image.open(path) as image:
            return VIDEO if _is_animated(image) else PHOTO
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return PHOTO if _is_one_image(path) else unknown


def open_footage(path: Path, *, fps: float | None = None, sequence: bool = False) -> Footage:
    """Open a video, a folder of images, a pattern of file names, or, if `sequence`, the sequence
    that an image file is one of. fps: of a sequence, frames a second (None: 24). UserError if
    nothing is there or nothing can be read."""
    kind = kind_of(path)
    if kind == SEQUENCE or (sequence and kind == PHOTO):
        return ImageSequence(sequence_files(path), fps)
    if kind == PHOTO:
        return ImageSequence({0: path}, fps)
    if _is_webp(path):
        return AnimatedPicture(path)
    return VideoFootage(path)


def _is_animated(image: Image.Image) -> bool:
    return image.format in ("GIF", "PNG", "WEBP") and getattr(image, "n_frames", 1) > 1


def _is_webp(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(12)
    return start[:4] == b"RIFF" and start[8:] == b"WEBP"


def _is_one_image(path: Path) -> bool:
    """Whether libavformat takes it for one image: it reads formats that Pillow does not."""
    try:
        with av.open(str(path)) as container:
            return any(name in container.format.name for name in ONE_IMAGE_DEMUXERS)
    except (av.FFmpegError, OSError):
        return False
