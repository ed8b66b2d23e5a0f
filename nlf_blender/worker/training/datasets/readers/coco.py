# SPDX-License-Identifier: GPL-3.0-or-later
"""COCO's keypoint json: `images`, `annotations` with `keypoints` and `bbox`, `categories`.

Keypoints are x, y and v: 0 not labelled, 1 labelled but hidden, 2 visible. COCO-WholeBody's
`foot_kpts` are read, too. Polygons and uncompressed run lengths of `segmentation` become masks.
Crowds are left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .....body.arrays import Float64Array, IntArray
from .....body.npz_file import DAMAGED
from .....errors import UserError
from .....protocol.json_fields import Json, as_int, as_list, as_object, as_str
from ..example import Joints2D, PersonTruth, SurfacePixels
from ..joint_set_names import COCO
from ..joint_sets import JointCatalogue
from ..report import Unusable
from .cameras import Cameras
from .source import Annotation, Item, ReaderOptions, Size, Source, not_readable
from .uv_atlas import UVAtlas

FIX = "Choose a file such as person_keypoints_train2017.json."
FEET = 6


def read_coco(options: ReaderOptions) -> Source:
    """The pictures of COCO keypoint files that show people. UserError if a file is damaged, or
    names a joint that is not COCO's."""
    return Source([item for path in options.annotations for item in _items(path, options, None)])


def read_densepose(options: ReaderOptions) -> Source:
    """The same with DensePose's pairs of pixels and surface points: `dp_x`, `dp_y` in 1/255 of the
    box, `dp_I`, `dp_U`, `dp_V`. UserError also if the atlas is missing."""
    if options.atlas is None:
        raise UserError(
            "UV atlas missing",
            "DensePose's parts and coordinates mean nothing without the file that defines them.",
            "Give UV_Processed.mat, from the DensePose data that its publisher offers, as --atlas.",
        )
    atlas = UVAtlas.read(options.atlas)
    items = [item for path in options.annotations for item in _items(path, options, atlas)]
    return Source(items, ("smpl",))


def _items(path: Path, options: ReaderOptions, atlas: UVAtlas | None) -> list[Item]:
    try:
        data = as_object(json.loads(path.read_bytes()), path.name)
        people = _people(data)
        images = [as_object(item, "an image") for item in as_list(data.get("images"), "images")]
        files = {
            as_int(image.get("id"), "id"): as_str(image.get("file_name"), "file_name")
            for image in images
        }
        rows = JointCatalogue().get("coco17").rows(_joint_names(data, atlas is not None))
    except (OSError, *DAMAGED) as error:
        raise not_readable(path, error, FIX) from error
    except UserError as error:
        raise UserError(error.title, f"{path}: {error.detail}", error.fix) from error
    reader = _Reader(rows, Cameras(options.cameras, options.fov), atlas)
    return [
        Item(file, options.images / file, partial(reader.annotate, file, people[key]))
        for key, file in files.items()
        if key in people
    ]


def _people(data: Json) -> dict[int, list[Json]]:
    """The annotations of each image's people, by the image's id, without crowds."""
    people: dict[int, list[Json]] = {}
    for value in as_list(data.get("annotations"), "annotations"):
        annotation = as_object(value, "an annotation")
        if not annotation.get("iscrowd"):
            image = as_int(annotation.get("image_id"), "image_id")
            people.setdefault(image, []).append(annotation)
    return people


def _joint_names(data: Json, has_surface: bool) -> Sequence[str]:
    """The keypoints' names, in the file's order. ValueError if no category has any, unless there
    are surface points."""
    for value in as_list(data.get("categories"), "categories"):
        category = as_object(value, "a category")
        if "keypoints" in category:
            names = as_list(category["keypoints"], "keypoints")
            return [as_str(name, "a keypoint's name") for name in names]
    if has_surface:
        return COCO[:17]
    raise ValueError("no category has keypoints")


@dataclass(frozen=True)
class _Reader:
    """Annotations out of one file. rows: where its keypoints are among COCO's 17."""

    rows: IntArray
    cameras: Cameras
    atlas: UVAtlas | None

    def annotate(self, path: str, people: list[Json], size: Size) -> Annotation:
        """The people of a picture."""
        intrinsics, distortion = self.cameras.of(path, size)
        return Annotation(
            tuple(self._person(data, size) for data in people), intrinsics, distortion
        )

    def _person(self, data: Json, size: Size) -> PersonTruth:
        pixels = np.full((17, 2), np.nan)
        pixels[self.rows] = _labelled(data.get("keypoints"), len(self.rows))
        joints = Joints2D("coco17", pixels)
        if "foot_kpts" in data:
            feet = _labelled(data["foot_kpts"], FEET)
            joints = Joints2D("coco23", np.concatenate([pixels, feet]))
        box = np.array(data.get("bbox"), np.float64)
        if box.shape != (4,):
            raise Unusable("box not finite")
        known = self.atlas is not None and "dp_x" in data
        surface = _surface(data, box, self.atlas) if known else None
        return PersonTruth(
            box, joints_2d=(joints,), surface=surface, mask=_mask(data.get("segmentation"), size)
        )


def _labelled(value: object, count: int) -> Float64Array:
    """Pixels [count,2] of keypoints x, y, v, NaN where they are not labelled."""
    numbers = np.array(value if value is not None else [0.0] * (3 * count), np.float64)
    if numbers.shape != (3 * count,):
        raise Unusable("keypoints of another number", f"{numbers.size} numbers, not {3 * count}")
    x, y, labelled = numbers.reshape(count, 3).T
    return np.where(labelled[:, None] > 0, np.stack([x, y], axis=1), np.nan)


def _surface(data: Json, box: Float64Array, atlas: UVAtlas) -> SurfacePixels | None:
    """DensePose's pairs; their pixels count from the rounded box's corner, as its tools do."""
    columns = [np.array(data.get(f"dp_{key}"), np.float64) for key in ("x", "y", "I", "U", "V")]
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise Unusable("surface points that do not fit each other", "dp_x, dp_y, dp_I, dp_U, dp_V")
    x, y, part, u, v = columns
    left, top, width, height = np.round(box)
    pixels = np.stack([left + x / 255 * width, top + y / 255 * height], axis=1)
    corners, weights = atlas.locate(part.astype(np.int64), np.stack([u, v], axis=1))
    return SurfacePixels("smpl", pixels, corners, weights) if len(pixels) else None


def _mask(value: object, size: Size) -> NDArray[np.bool_] | None:
    """The mask [H,W] of polygons or run lengths; None if there is none, or they are compressed."""
    if isinstance(value, dict) and isinstance(value.get("counts"), list):
        runs = np.array(value["counts"], np.int64)
        if runs.sum() != size[0] * size[1] or (runs < 0).any():
            raise Unusable("mask of another size than its picture")
        filled = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        return filled.reshape(size).T  # runs go down the columns
    if not isinstance(value, list) or not value:
        return None
    polygons = [np.array(part, np.float64).reshape(-1, 2) for part in value]
    if not all(np.isfinite(polygon).all() for polygon in polygons):
        raise Unusable("mask not finite")
    mask = np.zeros(size[::-1], np.uint8)
    for polygon in polygons:  # each on its own: together, they would cut holes into each other
        cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], 1)
    return mask.astype(bool)
