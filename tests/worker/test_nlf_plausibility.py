# SPDX-License-Identifier: GPL-3.0-or-later
"""Which localized people are believed."""

from __future__ import annotations

import numpy as np

from nlf_blender.worker.people.plausibility import (
    fills_box,
    is_certain,
    plausible_people,
    similarity,
)

FOCAL = 500.0


def _body(place: tuple[float, float, float], seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.uniform(-0.5, 0.5, (60, 3)) * [0.6, 1.7, 0.5] + place


def _scene(bodies: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    points = np.stack(bodies)
    pixels = points[..., :2] / points[..., 2:] * FOCAL
    boxes = np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
    return points, pixels, np.full(points.shape[:2], 0.1), boxes


def test_people_who_are_apart_stay_the_surest_first() -> None:
    points, pixels, spread, boxes = _scene([_body((-1, 0, 4)), _body((1, 0, 4), 1)])
    spread[0] *= 2  # a score counts for the certainty it comes with
    assert plausible_people(points, pixels, spread, boxes, [0.9, 0.6]) == [1, 0]
    assert plausible_people(points, pixels, spread, boxes, [0.9, 0.4]) == [0, 1]
    assert plausible_people([], [], [], np.zeros((0, 4)), []) == []


def test_of_one_person_found_twice_the_surer_stays() -> None:
    body = _body((0, 0, 4))
    points, pixels, spread, boxes = _scene([body, 1.2 * body + 0.02, _body((1.2, 0, 4), 1)])
    assert plausible_people(points, pixels, spread, boxes, [0.5, 0.8, 0.4]) == [1, 2]


def test_two_people_who_are_like_a_third_but_not_each_other_both_stay() -> None:
    """One suppressed does not suppress in turn."""
    bodies = [np.add(_body((0, 0, 4)), [0.11 * i, 0, 0]) for i in range(3)]
    assert similarity(bodies[0], bodies[1]) > 0.4 > similarity(bodies[0], bodies[2])
    points, pixels, spread, boxes = _scene(bodies)
    assert plausible_people(points, pixels, spread, boxes, [0.9, 0.8, 0.7]) == [0, 2]


def test_the_uncertain_and_those_outside_of_their_box_go() -> None:
    points, pixels, spread, boxes = _scene([_body((-1, 0, 4)), _body((1, 0, 4), 1)])
    spread[0, 20:] = 0.4
    assert plausible_people(points, pixels, spread, boxes, [0.9, 0.9]) == [1]
    boxes[1] += [800, 0, 800, 0]
    assert plausible_people(points, pixels, spread, boxes, [0.9, 0.9]) == []


def test_more_than_a_third_must_be_certain() -> None:
    spread = np.full((3, 9), 0.3)
    spread[0, :3], spread[1, :4], spread[2, :] = 0.2, 0.2, 0.25
    assert is_certain(spread).tolist() == [False, True, False]


def test_more_than_a_quarter_of_the_box_must_be_covered() -> None:
    pixels = np.array([[[0.0, 0.0], [50.0, 50.0], [np.nan, np.nan]]] * 3)
    boxes = [[0, 0, 100, 100], [0, 0, 100, 99], [-900, -900, -800, -800]]
    assert fills_box(pixels, boxes).tolist() == [False, True, False]
    assert fills_box(np.full((1, 4, 2), np.nan), [[0, 0, 10, 10]]).tolist() == [False]


def test_likeness() -> None:
    body = _body((0.5, 0, 4))
    assert similarity(body, body) == 1.0
    assert abs(similarity(body, 1.7 * body) - 1.0) < 1e-9
    assert similarity(body, np.add(body, [0.4, 0, 0])) == 0.0
    moved = body.copy()
    moved[:12] += [0.0, 5.0, 0.0]  # the fifth that differs most decides
    assert similarity(body, moved) == 0.0
    assert similarity(body[:2], body[:2]) == 1.0
