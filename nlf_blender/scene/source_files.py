# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources as files: which are movies, which belong to a sequence, what Blender knows of them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..errors import UserError

MOVIE_SUFFIXES = tuple(sorted(bpy.path.extensions_movie))
IMAGE_SUFFIXES = tuple(sorted(bpy.path.extensions_image))
_NUMBERED = re.compile(r"(.*?)(\d+)(\.[^.]+)")


@dataclass(frozen=True)
class Facts:
    """What Blender finds in a file. fps: None where it says none."""

    width: int
    height: int
    frame_count: int
    fps: float | None


def is_movie(path: Path) -> bool:
    """Whether a file's name says that it is a movie."""
    return path.suffix.lower() in MOVIE_SUFFIXES


def file_number(name: str) -> int | None:
    """The number at the end of an image's name, or None."""
    match = _NUMBERED.fullmatch(name)
    return None if match is None else int(match[2])


def sequence_numbers(path: Path) -> tuple[int, int]:
    """The lowest and the highest number of the sequence that an image is one of. UserError if it
    is of none."""
    match = _NUMBERED.fullmatch(path.name)
    if match is None:
        raise _no_sequence(path)
    numbers = [int(match[2])]
    try:
        with os.scandir(path.parent) as entries:
            for entry in entries:
                other = _NUMBERED.fullmatch(entry.name)
                if other and (other[1], other[3].lower()) == (match[1], match[3].lower()):
                    numbers.append(int(other[2]))
    except OSError as error:
        raise _no_sequence(path) from error
    return min(numbers), max(numbers)


def _no_sequence(path: Path) -> UserError:
    return UserError(
        "No sequence",
        f"{path} is no image of a numbered sequence, as shot_0001.png is.",
        "Choose an image whose name ends in a number, or switch Image Sequence off.",
    )


def first_image(folder: Path) -> Path:
    """The first image of a folder, by name. UserError if it has none."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    except OSError:
        paths = []
    if not paths:
        raise UserError(
            "No images",
            f"{folder} is a folder without images.",
            "Choose a folder of numbered images, a movie or a photo under Source.",
        )
    return paths[0]


def read_facts(path: Path) -> Facts:
    """What Blender finds in a movie, an image or a sequence from this image on. UserError if it
    cannot read it."""
    try:
        clip = bpy.data.movieclips.load(str(path), check_existing=False)
    except RuntimeError as error:
        raise unreadable(path) from error
    try:
        width, height = clip.size
        facts = Facts(width, height, clip.frame_duration, clip.fps or None)
    finally:
        bpy.data.movieclips.remove(clip)
    if not facts.width or not facts.height:
        raise unreadable(path)
    return facts


def unreadable(path: Path) -> UserError:
    """What the user is told of a file that Blender cannot read."""
    return UserError(
        "Source not readable",
        f"Blender cannot read {path}, so it does not know its size.",
        "Choose another file, or a camera that needs no size: Automatic, Field of View or Lens.",
    )
