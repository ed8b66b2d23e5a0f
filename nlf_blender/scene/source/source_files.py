# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources as files: which are movies, which belong to a sequence, what Blender knows of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ...errors import UserError
from ...protocol.numbered import numbered

MOVIE_SUFFIXES = tuple(sorted(bpy.path.extensions_movie))
IMAGE_SUFFIXES = tuple(sorted(bpy.path.extensions_image))


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
    """The last number in an image's name, or None."""
    parts = numbered(Path(name))
    return None if parts is None else parts[1]


def same_source(path: Path, other: Path) -> bool:
    """Whether two files are the same, or images of one sequence."""
    first, second = numbered(path), numbered(other)
    if path == other or first is None or second is None:
        return path == other
    return path.parent == other.parent and first[0] == second[0] and not is_movie(path)


def sequence_numbers(path: Path) -> tuple[int, int]:
    """The lowest and the highest number of the sequence that an image is one of. UserError if it
    is of none."""
    parts = numbered(path)
    if parts is None:
        raise _no_sequence(path)
    try:
        others = [numbered(other) for other in path.parent.iterdir()]
    except OSError as error:
        raise _no_sequence(path) from error
    numbers = [other[1] for other in others if other is not None and other[0] == parts[0]]
    return min([parts[1], *numbers]), max([parts[1], *numbers])


def _no_sequence(path: Path) -> UserError:
    return UserError(
        "No sequence",
        f"{path} has no number in its name, as the images of a sequence have: shot_0001.png.",
        "Choose an image with a number in its name, or switch Image Sequence off.",
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
