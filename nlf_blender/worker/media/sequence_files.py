# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files make up an image sequence, and in which order."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from ...errors import UserError
from ...protocol.numbered import Key, numbered
from .media_errors import missing_footage

IMAGE_ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".exr", ".webp", ".bmp", ".tga", ".dpx"),
    *(".cin", ".hdr", ".sgi", ".rgb", ".jp2", ".j2c", ".avif", ".ppm", ".pgm"),
)
Numbered = tuple[int, Path]
PLACEHOLDER = re.compile(r"#+|%0?\d*d")


def is_pattern(path: Path) -> bool:
    """Whether a path is no file but stands for many: `shot_####.png`, `shot_%04d.png`."""
    return bool(PLACEHOLDER.search(path.name)) and not path.exists()


def sequence_files(path: Path) -> dict[int, Path]:
    """The files of the sequence at a path, by the number in their names, in order. path: a folder,
    a pattern, or one of the files. UserError if there is none, or more than one in the folder."""
    if is_pattern(path):
        return _of_pattern(path)
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise missing_footage(path)
    own = numbered(path)
    if own is None:
        return {0: path}
    others = ((p, numbered(p)) for p in _images(path.parent))
    return _ordered(path.parent, [(part[1], p) for p, part in others if part and part[0] == own[0]])


def _of_pattern(path: Path) -> dict[int, Path]:
    place = PLACEHOLDER.search(path.name)
    assert place is not None
    before, after = map(re.escape, (path.name[: place.start()], path.name[place.end() :]))
    width = len(place[0]) if "#" in place[0] else int(place[0].strip("%d") or 0)
    name = re.compile(rf"{before}([0-9]{{{max(width, 1)},}}){after}")
    if not path.parent.is_dir():
        raise missing_footage(path.parent)
    matches = ((name.fullmatch(p.name), p) for p in path.parent.iterdir() if p.is_file())
    files = {int(match[1]): p for match, p in matches if match}
    if not files:
        raise UserError(
            "No such sequence",
            f"No file in {path.parent} is called {path.name} with a number for {place[0]}.",
            "Check the name, or choose the folder.",
        )
    return dict(sorted(files.items()))


def _of_folder(folder: Path) -> dict[int, Path]:
    groups: dict[Key, list[Numbered]] = defaultdict(list)
    single: list[Numbered] = []
    for path in _images(folder):
        part = numbered(path)
        if part is None:
            single.append((0, path))
        else:
            groups[part[0]].append((part[1], path))
    several = [files for files in groups.values() if len(files) > 1]
    single += [files[0] for files in groups.values() if len(files) == 1]
    if len(several) > 1:
        names = ", ".join(f"{files[0][1].name} ({len(files)} files)" for files in several)
        raise UserError(
            "Several sequences in one folder",
            f"{folder} has {len(several)} sequences: {names}.",
            "Choose the first file of the one that you want, or put each in a folder of its own.",
        )
    if several:
        return _ordered(folder, several[0])
    if len(single) == 1:
        return dict(single)
    raise UserError(
        "No image sequence",
        f"{folder} has no images whose names differ in a number alone.",
        "Choose a folder of numbered images, such as shot_0001.png, or choose the images one by"
        " one.",
    )


def _images(folder: Path) -> list[Path]:
    found = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_ENDINGS)
    return sorted(p for p in found if p.is_file() and not p.name.startswith("."))


def _ordered(folder: Path, images: list[Numbered]) -> dict[int, Path]:
    files = dict(images)
    if len(files) < len(images):
        number, twice = next((n, path) for n, path in images if files[n] != path)
        raise UserError(
            "Two images with one number",
            f"{folder} has {twice.name} and {files[number].name}.",
            "Remove one of the two, or give a pattern, such as shot_####.png.",
        )
    return dict(sorted(files.items()))
