# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames, duplicates, and people found in painted pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from painted_person import ASSETS, LIMBS, Painted, paint_person

from nlf_blender.worker.evaluation.limbs import BLAZEPOSE_LIMBS
from nlf_blender.worker.people.detector import Detection, anchor_centres
from nlf_blender.worker.people.finder import PeopleFinder, distinct_candidates, distinct_people
from nlf_blender.worker.people.person import Frame, Person
from nlf_blender.worker.people.pixels import frame_pixels, letterbox


@pytest.fixture(scope="module")
def finder() -> PeopleFinder:
    return PeopleFinder("cpu", ASSETS)


@pytest.fixture(scope="module")
def painted() -> Painted:
    return paint_person()


def limb_error(person: Person, painted: Painted) -> float:
    """Mean distance of 12 landmarks from the true joints, as a share of the body's height."""
    off = person.keypoints[list(BLAZEPOSE_LIMBS), :2] - painted.joint_pixels[LIMBS]
    return float(np.linalg.norm(off, axis=1).mean() / np.ptp(painted.joint_pixels[:, 1]))


def test_roll_is_clockwise_and_zero_upright() -> None:
    assert Frame.from_hips(np.zeros(2), np.array([0.0, -10.0])).roll == 0.0
    lying = Frame.from_hips(np.zeros(2), np.array([10.0, 0.0]))
    assert lying.roll == pytest.approx(math.pi / 2)
    assert lying.side == pytest.approx(25.0)


def test_the_top_of_a_frame_is_where_the_head_is() -> None:
    frame = Frame.from_hips(np.array([50.0, 60.0]), np.array([70.0, 60.0]))
    top = frame.to_image(np.array([127.5, 0.0]), 256)
    assert top[0] > 50.0
    assert top[1] == pytest.approx(60.0)


@pytest.mark.parametrize("side", [200.0, 1400.0])
def test_frame_pixels_come_from_where_the_frame_says(side: float) -> None:
    y, x = np.mgrid[:900, :1200]
    image = np.stack([x / 5, y / 4, np.full_like(x, 255)], axis=-1).astype(np.uint8)
    frame = Frame(np.array([600.0, 450.0]), side, 0.4)
    crop = frame_pixels(image, frame, 256).astype(float)
    for pixel in ([128, 128], [60, 200], [20, 30]):
        place = frame.to_image(np.array(pixel, float), 256)
        if not (4 < place[0] < 1195 and 4 < place[1] < 895):
            continue
        assert crop[pixel[1], pixel[0], :2] == pytest.approx(place / [5, 4], abs=1.5)


def test_outside_of_the_picture_is_black() -> None:
    image = np.full((50, 50, 3), 200, np.uint8)
    crop = frame_pixels(image, Frame(np.array([0.0, 0.0]), 100.0, 0.0), 256)
    assert crop[:100, :100].max() == 0
    assert crop[160:240, 160:240].min() == 200


def test_letterbox_keeps_the_shape() -> None:
    square, scale, offset = letterbox(np.full((100, 300, 3), 9, np.uint8), 224)
    assert square.shape == (224, 224, 3)
    assert scale == pytest.approx(224 / 300)
    assert offset == (0, 74)
    assert square[73].max() == 0
    assert square[80].min() == 9


def test_there_are_2254_anchors() -> None:
    assert anchor_centres().shape == (2254, 2)


def made_person(shift: float, score: float, size: float = 100.0) -> Person:
    keypoints = np.ones((33, 3))
    keypoints[:, :2] = np.random.default_rng(0).random((33, 2)) * size + shift
    box = np.array([shift, shift, shift + size, shift + size])
    return Person(box, score, Frame(box[:2] + size / 2, size * 1.5, 0.0), keypoints)


def test_people_with_the_same_landmarks_are_one() -> None:
    twice = [made_person(0.0, 0.8), made_person(3.0, 0.9), made_person(60.0, 0.7)]
    kept = distinct_people(twice)
    assert sorted(person.score for person in kept) == [0.7, 0.9]


def test_guesses_beyond_the_border_do_not_make_one_person_two() -> None:
    first, second = made_person(0.0, 0.9), made_person(3.0, 0.8)
    second.keypoints[15:, :2] += 400.0  # the lower body, out of the picture, placed anyhow
    assert len(distinct_people([first, second])) == 2
    second.keypoints[15:, 2] = 0.1
    assert len(distinct_people([first, second])) == 1


def test_the_largest_comes_first() -> None:
    kept = distinct_people([made_person(0.0, 0.9), made_person(300.0, 0.9, 200.0)])
    assert kept[0].frame.side == pytest.approx(300.0)


def test_candidates_with_the_same_hips_are_one() -> None:
    def candidate(x: float, side: float, score: float) -> Detection:
        return Detection(score, Frame(np.array([x, 0.0]), side, 0.0), np.zeros(4))

    kept = distinct_candidates(
        [candidate(0, 100, 0.5), candidate(5, 110, 0.9), candidate(5, 300, 0.6)]
    )
    assert [item.score for item in kept] == [0.9, 0.6]


def test_one_person_is_found_where_they_are(finder: PeopleFinder, painted: Painted) -> None:
    people = finder.find(painted.image, 10)
    assert len(people) == 1
    assert limb_error(people[0], painted) < 0.05
    assert people[0].score > 0.5


def test_a_turned_person_gives_a_turned_frame(finder: PeopleFinder) -> None:
    turned = paint_person(roll=60.0)
    people = finder.find(turned.image, 10)
    assert len(people) == 1
    assert math.degrees(people[0].crop.roll) == pytest.approx(60.0, abs=15.0)


def test_a_small_person_is_found_by_tiles(finder: PeopleFinder) -> None:
    small = paint_person(width=1200, height=900, place=(-2.3, 0.3, 9.0))
    people = finder.find(small.image, 10)
    assert people
    assert min(limb_error(person, small) for person in people) < 0.08


def test_a_box_by_hand_is_kept(finder: PeopleFinder, painted: Painted) -> None:
    low, high = painted.joint_pixels.min(0) - 20, painted.joint_pixels.max(0) + 20
    box = [*low, *high]
    (person,) = finder.people_in_boxes(painted.image, [box])
    assert person.box.tolist() == pytest.approx(box)
    assert limb_error(person, painted) < 0.05


def test_a_box_around_nobody_still_gives_a_frame(finder: PeopleFinder) -> None:
    grey = np.full((200, 300, 3), 120, np.uint8)
    (person,) = finder.people_in_boxes(grey, [[100, 50, 160, 150]])
    assert person.frame.center.tolist() == pytest.approx([130.0, 100.0])
    assert person.frame.side >= 100.0


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (200, 300)])
def test_pictures_without_people_have_none(finder: PeopleFinder, size: tuple[int, int]) -> None:
    assert finder.find(np.full((*size, 3), 90, np.uint8), 5) == []


def test_who_is_believed_in_at_the_first_look_alone_is_found_where_nobody_else_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A surer candidate about the same hips is nobody, or the second look loses the person."""
    finder = PeopleFinder("cpu", ASSETS)
    frames = [Frame(np.array([50.0, y]), 40.0, 0.0) for y in (50.0, 51.0)]
    found = [
        Detection(score, frame, np.zeros(4))
        for score, frame in zip((0.6, 0.8), frames, strict=True)
    ]
    scores = {50.0: 0.9, 51.0: 0.1}

    def look(_: np.ndarray, frames: list[Frame]) -> list[Person]:
        moved = [replace(frame, center=frame.center + np.array([0, 7])) for frame in frames]
        marks = np.zeros((33, 3))
        return [
            Person(np.zeros(4), scores.get(frame.center[1], 0.2), next_frame, marks)
            for frame, next_frame in zip(frames, moved, strict=True)
        ]

    monkeypatch.setattr(finder.detector, "detect", lambda _: found)
    monkeypatch.setattr(finder, "look", look)
    (person,) = finder.find(np.zeros((100, 100, 3), np.uint8), 5)
    assert person.frame.center.tolist() == [50.0, 57.0]
    found[0] = replace(found[0], score=0.4)  # BlazePose itself would not look there
    assert finder.find(np.zeros((100, 100, 3), np.uint8), 5) == []


def test_max_people_is_obeyed(finder: PeopleFinder, painted: Painted) -> None:
    two = np.concatenate([painted.image, painted.image], axis=1)
    assert len(finder.find(two, 5)) == 2
    assert len(finder.find(two, 1)) == 1


def test_who_moves_between_two_looks_is_found_beside_somebody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless the second look shows that it is somebody who was found already."""
    finder = PeopleFinder("cpu", ASSETS)
    found = [Detection(0.9, Frame(np.array([x, 50.0]), 40.0, 0.0), np.zeros(4)) for x in (50, 150)]
    moves = {50.0: 0.0, 150.0: 20.0}

    def look(_: np.ndarray, frames: list[Frame]) -> list[Person]:
        people = []
        for frame in frames:
            center = frame.center + np.array([moves.get(frame.center[0], 0.0), 0.0])
            marks = np.ones((33, 3)) * [*center, 1.0]
            people.append(Person(np.zeros(4), 0.9, replace(frame, center=center), marks))
        return people

    monkeypatch.setattr(finder.detector, "detect", lambda _: found)
    monkeypatch.setattr(finder, "look", look)
    image = np.zeros((100, 200, 3), np.uint8)
    assert sorted(person.frame.center[0] for person in finder.find(image, 5)) == [50.0, 170.0]
    moves |= {170.0: -120.0}  # on to the first one
    assert [person.frame.center[0] for person in finder.find(image, 5)] == [50.0]
