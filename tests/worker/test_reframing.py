# SPDX-License-Identifier: GPL-3.0-or-later
"""People whom landmarks do not tell how to frame, framed by the localizer."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from body_examples import OPEN_BODY

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.skeleton import Skeleton
from nlf_blender.worker.engine import Models
from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.nlf.localized import LocalizedPerson
from nlf_blender.worker.people.person import Frame, Person
from nlf_blender.worker.reframing import CIRCLE, reframed

IMAGE = np.zeros((600, 800, 3), np.uint8)
CAMERA = Camera.create(np.array([[700.0, 0, 400], [0, 700, 300], [0, 0, 1]]))


class Localizer:
    """Answers with given pixels; `calls` are what it was asked for."""

    def __init__(self, pixels: list[np.ndarray], aligned: bool = True) -> None:
        self.model = SimpleNamespace(style=SimpleNamespace(aligned=aligned))
        self.pixels, self.calls = pixels, []

    def localize(self, images: Any, people: Any, cameras: Any, weights: Any, **options: Any) -> Any:
        self.calls.append((people, options))
        options["on_progress"](len(people[0]), len(people[0]))
        return [[LocalizedPerson(np.zeros((len(p), 3)), np.zeros(len(p)), p) for p in self.pixels]]


@pytest.fixture(scope="module")
def body() -> BodyData:
    return load_body_npz(OPEN_BODY)


def standing(body: BodyData, middle: tuple[float, float], turn: float = 0.0) -> np.ndarray:
    """The body at rest in the picture, 150 pixels a metre, hips at `middle`, turned clockwise."""
    skeleton = body.skeleton
    points = np.concatenate([body.v_template, body.joints_template])
    hips = points[[body.vertex_count + skeleton.index(f"{side}_Hip") for side in "LR"]]
    flat = 150 * (points - hips.mean(axis=0))[:, :2] * [1, -1]
    cosine, sine = math.cos(turn), math.sin(turn)
    return (flat @ np.array([[cosine, sine], [-sine, cosine]]) + middle).astype(np.float32)


def person(frame: Frame) -> Person:
    return Person(np.array([300.0, 100, 500, 500]), 0.3, frame, np.zeros((33, 3)))


def ask(localizer: Localizer, body: BodyData, *people: Person) -> list[Person]:
    models = SimpleNamespace(localizer=localizer, body=body, point_weights=None)
    heard: list[tuple[int, int]] = []
    answer = reframed(people, IMAGE, CAMERA, cast(Models, models), lambda *done: heard.append(done))
    asked = sum(one.score <= 0.5 for one in people)
    assert heard == [(asked, asked)] * len(localizer.calls)
    return answer


def own_frame(body: BodyData, pixels: np.ndarray, turn: float = 0.0) -> Frame:
    hips = pixels[[body.vertex_count + 1, body.vertex_count + 2]].mean(axis=0)
    reach = np.linalg.norm(pixels - hips, axis=1).max()
    return Frame(hips.astype(np.float64), 2.5 * CIRCLE * float(reach), turn)


def test_whom_the_finder_is_sure_of_keeps_the_frame(body: BodyData) -> None:
    pixels = standing(body, (400, 300))
    wrong = replace(own_frame(body, pixels), roll=2.0)
    sure, doubtful = replace(person(wrong), score=0.6), person(wrong)
    localizer = Localizer([pixels])
    first, second, third = ask(localizer, body, sure, doubtful, sure)
    assert first is sure and third is sure
    assert math.remainder(second.frame.roll, math.tau) == pytest.approx(0, abs=0.05)
    (crops,), options = localizer.calls[0]
    assert crops == [doubtful.crop]
    assert options.get("num_aug", 1) == 1
    assert ask(Localizer([]), body, sure) == [sure]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda frame: replace(frame, center=frame.center + 0.15 * frame.side * np.eye(2)[0]),
        lambda frame: replace(frame, side=1.3 * frame.side),
        lambda frame: replace(frame, side=frame.side / 1.3),
        lambda frame: replace(frame, roll=frame.roll + math.pi),
        lambda frame: replace(frame, roll=frame.roll - 0.4),
        lambda frame: replace(frame, roll=frame.roll + 0.4 - math.tau),
    ],
    ids=["aside", "large", "small", "on the head", "leaning", "leaning the other way"],
)
@pytest.mark.parametrize("turn", [0.0, 2.0])
def test_who_is_doubtful_gets_the_localizers_frame(body: BodyData, wrong: Any, turn: float) -> None:
    pixels = standing(body, (420, 310), turn)
    right = own_frame(body, pixels, turn)
    before = person(wrong(right))
    (after,) = ask(Localizer([pixels]), body, before)
    np.testing.assert_allclose(after.frame.center, right.center, atol=0.01)
    assert after.frame.side == pytest.approx(right.side, rel=1e-4)
    assert math.remainder(after.frame.roll - turn, math.tau) == pytest.approx(0, abs=0.05)
    assert after.box is before.box and after.score == before.score
    assert after.keypoints is before.keypoints


def test_somebody_else_is_not_looked_at_instead(body: BodyData) -> None:
    here, there = standing(body, (300, 300)), standing(body, (700, 300))
    frame = own_frame(body, here)
    small = replace(frame, side=frame.side / 3)
    people = [person(frame), person(small)]
    assert ask(Localizer([there, here]), body, *people) == people


def test_who_is_partly_behind_the_camera_keeps_the_frame(body: BodyData) -> None:
    pixels = standing(body, (400, 300))
    before = person(replace(own_frame(body, pixels), roll=2.0))
    pixels[5] = np.nan
    assert ask(Localizer([pixels]), body, before) == [before]


def test_models_that_look_at_upright_boxes_are_not_asked(body: BodyData) -> None:
    _keeps_all_unasked(Localizer([], aligned=False), body)


def test_bodies_without_named_hips_are_not_asked_about(body: BodyData) -> None:
    skeleton = Skeleton(tuple(f"joint {i}" for i in range(24)), body.skeleton.parents)
    _keeps_all_unasked(Localizer([]), replace(body, skeleton=skeleton))


def test_nobody_stays_nobody(body: BodyData) -> None:
    assert ask(Localizer([]), body) == []


def _keeps_all_unasked(localizer: Localizer, body: BodyData) -> None:
    before = person(Frame(np.array([1.0, 2.0]), 3.0, 0.0))
    assert ask(localizer, body, before) == [before]
    assert not localizer.calls
