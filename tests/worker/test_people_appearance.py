# SPDX-License-Identifier: GPL-3.0-or-later
"""What people look like, and small pictures of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nlf_blender.worker.people.appearance import (
    BINS,
    PARTS,
    SIZE,
    UNKNOWN,
    appearance,
    appearance_distance,
)
from nlf_blender.worker.people.person import Frame, Person
from nlf_blender.worker.people.thumbnail import thumbnail

RED, BLUE, GREY, DARK, SKIN = (
    (190, 50, 45), (50, 70, 180), (130, 130, 130), (45, 45, 55), (220, 170, 140)
)  # fmt: skip


def dressed(shirt: tuple[int, ...], trousers: tuple[int, ...], light: float = 1.0,
            noise: float = 6.0) -> np.ndarray:  # fmt: skip
    """A picture [300,200,3] of somebody made of patches, at the places of `person`."""
    image = np.full((300, 200, 3), 100.0)
    image[20:60, 80:121] = SKIN
    image[60:160, 60:141] = shirt
    image[160:290, 70:131] = trousers
    random = np.random.default_rng(round(sum(shirt) + 10 * light))
    return (image * light + noise * random.normal(size=image.shape)).clip(0, 255).astype(np.uint8)


def person(visibility: float = 1.0) -> Person:
    keypoints = np.full((33, 3), visibility)
    keypoints[:11, :2] = (100, 40)
    keypoints[7, :2], keypoints[8, :2] = (112, 40), (88, 40)
    keypoints[11:23, :2] = (100, 70)
    for left, y, half in ((11, 70, 30), (23, 165, 22), (25, 220, 22), (27, 280, 22)):
        keypoints[left, :2], keypoints[left + 1, :2] = (100 + half, y), (100 - half, y)
    keypoints[29:, :2] = (100, 285)
    return Person(np.array([60.0, 20, 140, 290]), 0.9, Frame(np.array([100.0, 160]), 300, 0.0),
                  keypoints)  # fmt: skip


def test_every_part_that_is_seen_has_shares_that_add_up_to_one() -> None:
    values = appearance(dressed(RED, DARK), person())
    assert values.shape == (SIZE,)
    assert values.dtype == np.float32
    parts = values[: PARTS * BINS].reshape(PARTS, BINS)
    assert parts.min() >= 0
    assert parts.sum(axis=1) == pytest.approx(np.ones(PARTS), abs=1e-5)
    assert values[PARTS * BINS :] == pytest.approx(np.ones(PARTS))


def test_clothes_tell_people_apart_and_light_hardly_does() -> None:
    base = appearance(dressed(RED, DARK), person())
    noise = appearance_distance(base, appearance(dressed(RED, DARK, noise=12.0), person()))
    dim = appearance_distance(base, appearance(dressed(RED, DARK, light=0.8), person()))
    shirt = appearance_distance(base, appearance(dressed(BLUE, DARK), person()))
    both = appearance_distance(base, appearance(dressed(BLUE, GREY), person()))
    assert noise < 0.1
    assert dim < 0.75 * shirt
    assert shirt > 0.25
    assert both > 1.4 * shirt


def test_parts_that_are_not_seen_tell_nothing() -> None:
    hidden = person()
    hidden.keypoints[23:, 2] = 0.0
    hidden.keypoints[[11, 12], 2] = 1.0
    full = appearance(dressed(RED, DARK), person())
    other = appearance(dressed(RED, GREY), hidden)
    assert appearance_distance(full, other) < 0.5 * appearance_distance(
        full, appearance(dressed(RED, GREY), person())
    )
    blind = appearance(dressed(RED, DARK), person(0.0))
    assert appearance_distance(full, blind) == pytest.approx(UNKNOWN)


def test_parts_outside_of_the_picture_are_not_seen() -> None:
    values = appearance(dressed(RED, DARK)[:150], person())
    torso, legs, head = values[PARTS * BINS :]
    assert 0.5 < torso < 1.0
    assert legs == 0.0
    assert head == pytest.approx(1.0)


def test_distances_broadcast_and_are_symmetric() -> None:
    random = np.random.default_rng(0)
    one, two = random.random((4, 1, SIZE)), random.random((3, SIZE))
    distance = appearance_distance(one, two)
    assert distance.shape == (4, 3)
    assert distance == pytest.approx(appearance_distance(two, one))
    assert appearance_distance(one, one).max() < 0.1


def test_a_thumbnail_is_a_square_with_black_beyond_the_border() -> None:
    image = np.full((100, 200, 3), 255, np.uint8)
    data = np.frombuffer(thumbnail(image, (150, 10, 250, 90), 64), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture.shape == (64, 64, 3)
    assert picture[32, :28].min() > 240
    assert picture[:, 36:].max() < 15


def test_a_thumbnail_shows_what_is_in_the_box() -> None:
    image = np.zeros((300, 200, 3), np.uint8)
    image[100:200, 50:150] = RED
    data = np.frombuffer(thumbnail(image, (50, 100, 150, 200)), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture.shape == (128, 128, 3)
    assert picture[64, 64, ::-1] == pytest.approx(RED, abs=4)
    assert picture[1, 1].max() < 30


def test_a_box_outside_of_the_picture_has_no_thumbnail() -> None:
    with pytest.raises(ValueError, match="outside"):
        thumbnail(np.zeros((100, 100, 3), np.uint8), (300, 10, 350, 90))
