# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads an evaluation set: a folder with set.json, or that file itself. README.md has its layout.

A mistake in an item costs that item alone, and is told with its name.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...body.arrays import Float64Array
from ...errors import UserError
from ...protocol.json_fields import Json, as_list, as_object, as_str, optional
from ..media.photo import read_photo
from ..nlf.camera import Camera
from .items import BadItem, Item, Picture
from .set_people import Format, people_of
from .set_values import file_of, numbers, require_finite

MOST_PIXELS = 1e7  # a 10 m lens on a sensor with micrometre pixels
SET_FILE = "set.json"
CORNERS, CORNER_AND_SIZE = "xyxy", "xywh"


@dataclass(frozen=True)
class EvaluationSet:
    """A set's items as they are in the file, each read when it is its turn. box_format: CORNERS or
    CORNER_AND_SIZE, "" if the file does not say (then the latter); notes: what is odd about it."""

    path: Path
    name: str
    entries: tuple[object, ...]
    box_format: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def label(self, index: int) -> str:
        """What an item is called in messages: its number and its image."""
        entry = self.entries[index]
        image = entry.get("image") if isinstance(entry, dict) else None
        return f"items[{index}] ({image})" if isinstance(image, str) else f"items[{index}]"

    def items(self, models: object = None) -> Iterator[tuple[str, Item | BadItem]]:
        """Each item, or why it cannot be used, with its label. No model has a say in them."""
        for index in range(len(self)):
            try:
                yield self.label(index), self.read(index)
            except BadItem as error:
                yield self.label(index), error

    def read(self, index: int) -> Item:
        """One item. BadItem if something is wrong in it."""
        try:
            entry = as_object(self.entries[index], "the item")
            image = file_of(self.path.parent, as_str(entry.get("image"), "image"))
            if not image.is_file():
                raise ValueError(f"the image {image} is gone")
            camera = _camera(entry)
            folder, corners = self.path.parent, self.box_format == CORNERS
            people, notes = people_of(entry, Format(folder, corners), camera)
        except UserError as error:
            raise BadItem(error.detail) from error
        except (ValueError, OSError) as error:
            raise BadItem(f"{error}.") from error
        return Item(self.label(index), functools.partial(_picture, image), people, camera, notes)


def read_set(path: Path) -> EvaluationSet:
    """The set in a folder or a file. UserError if it is none."""
    file = path / SET_FILE if path.is_dir() else path
    try:
        data = json.loads(file.read_bytes())
        content = {"items": data} if isinstance(data, list) else as_object(data, "the set")
        entries = as_list(content.get("items"), "items")
        name = optional(content.get("name"), as_str, "name") or file.parent.name
        form = optional(content.get("box_format"), as_str, "box_format") or ""
        if form not in ("", CORNERS, CORNER_AND_SIZE):
            raise ValueError(f"box_format is neither {CORNER_AND_SIZE} nor {CORNERS}")
    except FileNotFoundError as error:
        raise UserError(
            "No evaluation set",
            f"{file} does not exist.",
            f"Name a folder with a {SET_FILE}, or such a file.",
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(
            "Not an evaluation set",
            f"{file}: {error}.",
            'Write it as {"items": [{"image": "photo.jpg", ...}]}.',
        ) from error
    if not entries:
        raise UserError("Nothing to evaluate", f"{file} has no items.", "Add items to it.")
    return EvaluationSet(file, name, tuple(entries), form)


def _picture(path: Path) -> Picture:
    photo = read_photo(path)
    return Picture(photo.rgb, photo.focal_px)


def _camera(entry: Json) -> Camera | None:
    """The item's camera, None if there is none. ValueError, or UserError if it is no camera."""
    if entry.get("intrinsics") is None:
        if entry.get("distortion"):
            raise ValueError("distortion without intrinsics")
        return None
    matrix = require_finite(numbers(entry["intrinsics"], [(3, 3)], "intrinsics"), "intrinsics")
    if matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise ValueError("intrinsics have no focal length")
    if np.abs(matrix).max() > MOST_PIXELS:
        raise ValueError(f"intrinsics hold {np.abs(matrix).max():g} pixels")
    lens: Float64Array = np.zeros(0)
    if entry.get("distortion"):
        lens = require_finite(numbers(entry["distortion"], [(None,)], "distortion"), "distortion")
    return Camera.create(matrix, lens)
