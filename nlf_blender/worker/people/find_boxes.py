# SPDX-License-Identifier: GPL-3.0-or-later
"""People as scored boxes, with the options of the official wrapper's detector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .finder import PeopleFinder
from .overlap import distinct

Float64Array = NDArray[np.float64]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class BoxOptions:
    """threshold: boxes of lower scores are dropped; the finder itself is strict, so that below 0.5
    it lets through little more. nms_iou_threshold: of boxes that overlap more, the surest stays.
    flip_aug: look at the mirrored image too; both_flip_aug: and at the one turned upside down."""

    threshold: float = 0.3
    nms_iou_threshold: float = 0.7
    max_detections: int = 150
    flip_aug: bool = False
    both_flip_aug: bool = False


def find_boxes(
    finder: PeopleFinder,
    image: Image,
    up: ArrayLike,
    options: BoxOptions,
    extra_boxes: ArrayLike | None = None,
) -> Float64Array:
    """The people of an image [H,W,3] RGB: [n,5] left, top, width, height, score, surest first.

    up: the direction [3] that is up, in camera space; the image is looked at in the quarter turn
    that is most upright. extra_boxes: [m,5] in the same form, which compete with those found.
    """
    turns = quarter_turns(up)
    upright = np.ascontiguousarray(np.rot90(image, turns))
    height, width = upright.shape[:2]
    found = [_look(finder, upright, options.max_detections)]
    if options.flip_aug or options.both_flip_aug:
        mirrored = _look(finder, upright[:, ::-1], options.max_detections)
        found.append(_reflected(mirrored, 0, width))
    if options.both_flip_aug:
        overturned = _look(finder, upright[::-1], options.max_detections)
        found.append(_reflected(overturned, 1, height))
    boxes = _turned_back(np.concatenate(found), turns, image.shape[1], image.shape[0])
    boxes[:, 2:4] -= boxes[:, :2]
    if extra_boxes is not None:
        boxes = np.concatenate([boxes, scored(extra_boxes)])
    boxes = boxes[boxes[:, 4] > options.threshold]
    corners = np.column_stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]])
    kept = distinct(corners, boxes[:, 4], options.nms_iou_threshold)
    return boxes[kept[: options.max_detections]]


def scored(boxes: ArrayLike) -> Float64Array:
    """Boxes [n,4] or [n,5] -> [n,5], with score 1 where there is none. ValueError if neither."""
    values = np.asarray(boxes, dtype=np.float64)
    values = values.reshape(0, 5) if values.size == 0 else values
    if values.ndim != 2 or values.shape[1] not in (4, 5) or not np.isfinite(values).all():
        raise ValueError(f"boxes must be finite and [n,4] or [n,5], not {values.shape}")
    return values if values.shape[1] == 5 else np.column_stack([values, np.ones(len(values))])


def quarter_turns(up: ArrayLike) -> int:
    """How many counterclockwise quarter turns bring an image upright, 0 to 3."""
    x, y, _ = np.asarray(up, dtype=np.float64)
    return (round(math.atan2(y, x) / (math.pi / 2)) + 1) % 4


def _look(finder: PeopleFinder, image: Image, most: int) -> Float64Array:
    """[n,5] left, top, right, bottom, score."""
    people = finder.find(np.ascontiguousarray(image), most)
    rows = [np.append(person.box, person.score) for person in people]
    return np.stack(rows) if rows else np.zeros((0, 5))


def _reflected(boxes: Float64Array, axis: int, length: int) -> Float64Array:
    """Boxes as `_look` gives them, mirrored in an image of `length` along `axis`."""
    result = boxes.copy()
    result[:, axis] = length - boxes[:, axis + 2]
    result[:, axis + 2] = length - boxes[:, axis]
    return result


def _turned_back(boxes: Float64Array, turns: int, width: int, height: int) -> Float64Array:
    """Boxes of an image that was turned counterclockwise, in the image [height,width] itself."""
    for done in range(turns, 0, -1):
        length = width if done % 2 else height  # the width before this turn
        left, top, right, bottom, score = boxes.T
        boxes = np.column_stack([length - bottom, left, length - top, right, score])
    return boxes
