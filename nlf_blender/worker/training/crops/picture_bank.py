# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of other pictures: people cut out by their masks, and places without people.

They are taken once, from the first examples of the source and from a folder of photos, so
that what a crop gets depends on its own random numbers alone. They are kept small.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ....body.arrays import Float64Array
from ....errors import UserError
from ..datasets.example import BoolArray, Example

Image = NDArray[np.uint8]
CUT_OUT_SIDE, PLACE_SIDE = 160, 384  # of what is kept, pixels
SMALLEST_PERSON = 24  # pixels of a cut-out's shorter side
SMALLEST_PLACE = 0.25  # a window's side, as a share of the picture's shorter one
TRIES = 8
ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class BankSettings:
    """examples: how many of the source's are looked at. folder: photos without people to stand
    behind them, none if empty; most: how many of them are read."""

    examples: int = 24
    folder: str = ""
    most: int = 200


@dataclass(frozen=True)
class PictureBank:
    """cut_outs: [h,w,4] RGB and opacity. places: pictures [h,w,3] without people."""

    cut_outs: list[Image] = field(default_factory=list)
    places: list[Image] = field(default_factory=list)

    def cut_out(self, random: Generator) -> Image | None:
        """Somebody's piece of a picture, if there is one."""
        return self.cut_outs[int(random.integers(len(self.cut_outs)))] if self.cut_outs else None

    def background(self, random: Generator, side: int) -> Image | None:
        """A square part of a place, mirrored or not, [side,side,3]; None if there is no place."""
        if not self.places:
            return None
        picture = self.places[int(random.integers(len(self.places)))]
        height, width = picture.shape[:2]
        length = max(2, int(min(height, width) * random.uniform(0.5, 1.0)))
        left = int(random.integers(width - length + 1))
        top = int(random.integers(height - length + 1))
        part = picture[top : top + length, left : left + length]
        part = part[:, ::-1] if random.random() < 0.5 else part
        return cv2.resize(part, (side, side), interpolation=cv2.INTER_LINEAR)


def collect(examples: Iterable[Example], settings: BankSettings) -> PictureBank:
    """The bank of some examples, of which those that cannot be read are passed over, and of the
    folder of the settings. UserError if that is given and has no pictures."""
    bank = PictureBank()
    random = np.random.default_rng(0)
    for example in examples:
        try:
            image = example.image()
        except UserError:
            continue
        for person in example.people:
            if person.mask is not None:
                bank.cut_outs.extend(_cut_out(image, person.mask))
        place = _free_window(random, image, [person.box for person in example.people])
        bank.places.extend(place)
    bank.places.extend(_folder_pictures(settings))
    return bank


def _cut_out(image: Image, mask: BoolArray) -> list[Image]:
    """The person of a mask [H,W], alone; none if too small to be told."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if min(len(rows), len(columns)) < SMALLEST_PERSON:
        return []
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    opacity = mask[part].astype(np.uint8) * 255
    return [_shrunk(np.dstack([image[part], opacity]), CUT_OUT_SIDE)]


def _free_window(random: Generator, image: Image, boxes: list[Float64Array]) -> list[Image]:
    """A square of a picture in which none of the boxes reaches, if one is soon found."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    for _ in range(TRIES):
        length = int(shorter * random.uniform(SMALLEST_PLACE, 1.0))
        left = int(random.integers(width - length + 1))
        top = int(random.integers(height - length + 1))
        free = all(
            box[0] >= left + length
            or box[1] >= top + length
            or box[0] + box[2] <= left
            or box[1] + box[3] <= top
            for box in boxes
        )
        if free and length >= 32:
            return [_shrunk(image[top : top + length, left : left + length], PLACE_SIDE)]
    return []


def _folder_pictures(settings: BankSettings) -> list[Image]:
    if not settings.folder:
        return []
    folder = Path(settings.folder)
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in ENDINGS)
    read = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths[: settings.most]]
    pictures = [_shrunk(image[..., ::-1], PLACE_SIDE) for image in read if image is not None]
    if not pictures:
        raise UserError(
            "No backgrounds",
            f"{folder} holds no pictures that can be read.",
            "Give a folder of JPEG or PNG files, or leave the setting empty.",
        )
    return pictures


def _shrunk(image: Image, longest: int) -> Image:
    scale = longest / max(image.shape[:2])
    if scale >= 1:
        return np.ascontiguousarray(image)
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA)
