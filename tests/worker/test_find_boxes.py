# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes of people, with a finder that knows where a bright patch is in any turn of the image."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from nlf_blender.worker.people.find_boxes import (
    BoxOptions,
    find_boxes,
    quarter_turns,
    scored,
)
from nlf_blender.worker.people.overlap import distinct, overlap

UP = (0.0, -1.0, 0.0)


class PatchFinder:
    """Finds the bright patch, with a lower score at each look."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def find(self, image: np.ndarray, most: int) -> list[SimpleNamespace]:
        self.seen.append(image)
        rows, columns = np.nonzero(image[..., 0] > 100)
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
        return [SimpleNamespace(box=box, score=0.9 - 0.1 * len(self.seen))][:most]


@pytest.fixture
def image() -> np.ndarray:
    image = np.zeros((60, 100, 3), np.uint8)
    image[10:30, 70:80] = 255
    return image


@pytest.mark.parametrize(
    ("up", "turns"),
    [((0, -1, 0), 0), ((1, 0, 0), 1), ((0, 1, 0), 2), ((-1, 0, 0), 3), ((0.6, -0.7, 0.3), 0)],
)
def test_the_image_is_looked_at_upright(
    image: np.ndarray, up: tuple[float, ...], turns: int
) -> None:
    finder = PatchFinder()
    assert quarter_turns(up) == turns
    (box,) = find_boxes(finder, image, up, BoxOptions())
    assert box == pytest.approx([70, 10, 10, 20, 0.8])
    assert np.array_equal(finder.seen[0], np.rot90(image, turns))


def test_mirrored_looks_find_the_same_person_once(image: np.ndarray) -> None:
    for options, looks in (
        (BoxOptions(), 1),
        (BoxOptions(flip_aug=True), 2),
        (BoxOptions(both_flip_aug=True), 3),
    ):
        finder = PatchFinder()
        boxes = find_boxes(finder, image, UP, options)
        assert len(finder.seen) == looks
        assert boxes == pytest.approx(np.array([[70, 10, 10, 20, 0.8]]))
    everything = BoxOptions(both_flip_aug=True, nms_iou_threshold=1.0)
    boxes = find_boxes(PatchFinder(), image, UP, everything)
    assert boxes[:, :4] == pytest.approx(np.array([[70, 10, 10, 20]] * 3))


def test_extra_boxes_compete(image: np.ndarray) -> None:
    extra = [[70, 10, 10, 21, 0.95], [0, 0, 5, 5, 0.2], [5, 40, 10, 10, 0.5]]
    boxes = find_boxes(PatchFinder(), image, UP, BoxOptions(), extra)
    assert boxes.tolist() == [[70, 10, 10, 21, 0.95], [5, 40, 10, 10, 0.5]]
    one = find_boxes(PatchFinder(), image, UP, BoxOptions(max_detections=1), extra)
    assert one[:, 4].tolist() == [0.95]
    strict = find_boxes(PatchFinder(), image, UP, BoxOptions(threshold=0.97), extra)
    assert strict.shape == (0, 5)


def test_overlap_is_intersection_over_union() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 5, 10, 15], [40, 0, 50, 10], [7, 7, 7, 7]], float)
    scores = np.array([0.5, 0.9, 0.1, 0.1])
    assert distinct(boxes, scores, 0.34) == [1, 0, 2, 3]
    assert distinct(boxes, scores, 0.33) == [1, 2, 3]
    np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 1 / 3, 0, 0])
    assert overlap(boxes[3], boxes[3:]).tolist() == [0]


def test_boxes_without_scores_are_sure() -> None:
    assert scored([[1, 2, 3, 4]]).tolist() == [[1, 2, 3, 4, 1]]
    assert scored([]).shape == (0, 5)
    for bad in ([1, 2, 3, 4], [[1, 2, 3]], [[np.nan, 0, 1, 1]]):
        with pytest.raises(ValueError, match="boxes"):
            scored(bad)
