# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a box drawn by hand the localizer looks: the best of six frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from nlf_blender.worker.reframing import CIRCLE, SIZES, reframed

IMAGE = np.zeros((600, 800, 3), np.uint8)
CAMERA = Camera.create(np.array([[700.0, 0, 400], [0, 700, 300], [0, 0, 1]]))
Seen = tuple[np.ndarray, float]  # pixels [N,2] and the uncertainty of all, metres


NOBODY: Seen = np.full((1, 2), np.nan, np.float32), 1.0


class Localizer:
    """Answers one look after the other with what is given, then sees nobody; `calls` are the crops
    asked for."""

    def __init__(self, looks: Sequence[Seen], aligned: bool = True) -> None:
        self.model = SimpleNamespace(style=SimpleNamespace(aligned=aligned))
        self.looks, self.calls = list(looks), []

    def localize(self, images: Any, people: Any, cameras: Any, weights: Any, **options: Any) -> Any:
        assert options.get("num_aug", 1) == 1
        (crops,) = people
        self.calls.append(crops)
        options["on_progress"](len(crops), len(crops))
        seen, self.looks = self.looks[: len(crops)], self.looks[len(crops) :]
        seen = seen or [NOBODY] * len(crops)
        return [[LocalizedPerson(np.zeros((len(p), 3)), np.full(len(p), u), p) for p, u in seen]]


@pytest.fixture(scope="module")
def body() -> BodyData:
    return load_body_npz(OPEN_BODY)


def standing(
    body: BodyData, middle: tuple[float, float], turn: float = 0.0, scale: float = 150
) -> np.ndarray:
    """The body at rest in the picture, `scale` pixels a metre, hips at `middle`, turned
    clockwise."""
    skeleton = body.skeleton
    points = np.concatenate([body.v_template, body.joints_template])
    hips = points[[body.vertex_count + skeleton.index(f"{side}_Hip") for side in "LR"]]
    flat = scale * (points - hips.mean(axis=0))[:, :2] * [1, -1]
    cosine, sine = math.cos(turn), math.sin(turn)
    return (flat @ np.array([[cosine, sine], [-sine, cosine]]) + middle).astype(np.float32)


def around(pixels: np.ndarray) -> np.ndarray:
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]).astype(np.float64)


def own_frame(body: BodyData, pixels: np.ndarray, turn: float = 0.0) -> Frame:
    hips = pixels[[body.vertex_count + 1, body.vertex_count + 2]].mean(axis=0)
    reach = np.linalg.norm(pixels - hips, axis=1).max()
    return Frame(hips.astype(np.float64), 2.5 * CIRCLE * float(reach), turn)


def person(frame: Frame, box: np.ndarray, score: float = 0.3) -> Person:
    return Person(box, score, frame, np.zeros((33, 3)))


def ask(localizer: Localizer, body: BodyData, *people: Person) -> list[Person]:
    models = SimpleNamespace(localizer=localizer, body=body, point_weights=None)
    heard: list[tuple[int, int]] = []
    answer = reframed(people, IMAGE, CAMERA, cast(Models, models), lambda *done: heard.append(done))
    looks = 6 * len(people)
    thirds = [(looks // 3, looks), (2 * looks // 3, looks), (looks, looks)]
    assert heard == thirds[: len(localizer.calls)]
    return answer


@pytest.mark.parametrize("turn", [0.0, 2.0])
@pytest.mark.parametrize("best", range(6))
def test_the_frame_in_which_the_body_fills_the_box_is_chosen(
    body: BodyData, best: int, turn: float
) -> None:
    sizes = [80.0, 85, 90, 95, 75, 70]
    looks = [standing(body, (400, 310), turn, size) for size in sizes]
    looks[best] = standing(body, (400, 300), turn, 150)
    landmarks = replace(own_frame(body, looks[best], turn), roll=0.4)
    before = person(landmarks, around(looks[best]))
    frames = [
        landmarks,
        Frame.of_box(before.box),
        own_frame(body, looks[0], turn),
        own_frame(body, looks[1], turn),
    ]
    first = frames[best if best < 4 else 3]
    frames += [replace(first, side=factor * first.side) for factor in SIZES]
    localizer = Localizer([(look, 0.1) for look in looks])
    (after,) = ask(localizer, body, before)
    asked = [crop for call in localizer.calls for crop in call]
    for crop, frame in zip(asked, frames, strict=True):
        np.testing.assert_allclose(crop.center, frame.crop.center, atol=0.01)
        np.testing.assert_allclose(crop.size, frame.crop.size, rtol=1e-4)
        assert math.remainder(crop.roll - frame.roll, math.tau) == pytest.approx(0, abs=0.05)
    assert after.frame.crop == asked[best]
    assert after.box is before.box and after.score == before.score
    assert after.keypoints is before.keypoints


@pytest.mark.parametrize(("score", "kept"), [(0.9, True), (0.3, False)])
def test_sure_landmarks_stay_where_others_are_hardly_better(
    body: BodyData, score: float, kept: bool
) -> None:
    right, nearly = (standing(body, (400, 300), 0, size) for size in (150, 148))
    before = person(own_frame(body, right), around(right), score)
    (after,) = ask(Localizer([(nearly, 0.1), (right, 0.1), (nearly, 0.1), (nearly, 0.1)]), body,
                   before)  # fmt: skip
    assert (after.frame is before.frame) is kept
    far = standing(body, (400, 300), 0, 110)
    looks = [(far, 0.1), (right, 0.1), (far, 0.1), (far, 0.1)]
    (after,) = ask(Localizer(looks), body, before)
    assert after.frame.crop == Frame.of_box(before.box).crop


def test_of_looks_that_fill_the_box_alike_the_surest_counts(body: BodyData) -> None:
    pixels = standing(body, (400, 300))
    before = person(replace(own_frame(body, pixels), roll=0.3), around(pixels))
    localizer = Localizer([(pixels, doubt) for doubt in (0.2, 0.1, 0.2, 0.2)])
    (after,) = ask(localizer, body, before)
    assert after.frame.crop == Frame.of_box(before.box).crop


def test_what_is_out_of_the_picture_fills_no_box(body: BodyData) -> None:
    half, squeezed = standing(body, (400, 600), 0, 400), standing(body, (400, 300), 0, 250)
    box = around(half).clip(0, [800, 600, 800, 600])
    before = person(own_frame(body, half), box)
    (after,) = ask(Localizer([(squeezed, 0.1), (squeezed, 0.1), (squeezed, 0.1), (half, 0.1)]),
                   body, before)  # fmt: skip
    assert after.frame is not before.frame
    (after,) = ask(Localizer([(half, 0.1), (squeezed, 0.1), (squeezed, 0.1), (squeezed, 0.1)]),
                   body, before)  # fmt: skip
    assert after.frame is before.frame


def test_everybody_gets_an_own_frame(body: BodyData) -> None:
    left, right = standing(body, (200, 300)), standing(body, (600, 300))
    small = standing(body, (600, 300), 0, 80)
    people = [person(own_frame(body, pixels), around(pixels)) for pixels in (left, right)]
    looks = [(left, 0.1), (left, 0.2), (small, 0.1), (right, 0.1)]
    again = [(left, 0.2), (left, 0.2), (small, 0.1), (small, 0.1)]
    first, second = ask(Localizer(looks + again), body, *people)
    assert first.frame is people[0].frame
    assert second.frame.crop == Frame.of_box(people[1].box).crop


def test_somebody_else_is_not_looked_at_instead(body: BodyData) -> None:
    here, there = standing(body, (200, 300)), standing(body, (700, 300))
    before = person(own_frame(body, here), around(here))
    localizer = Localizer([(there, 0.1)] * 2 + [(here, 0.1)] * 2)
    ask(localizer, body, before)
    assert localizer.calls[1] == localizer.calls[0]


@pytest.mark.parametrize("score", [0.3, 0.9])
def test_who_is_partly_behind_the_camera_is_never_chosen(body: BodyData, score: float) -> None:
    right, wrong = standing(body, (400, 300)), standing(body, (400, 300), 0, 50)
    behind = right.copy()
    behind[5] = np.nan
    before = person(own_frame(body, right), around(right), score)
    looks = [(behind, 0.1), (wrong, 0.1), (behind, 0.1), (behind, 0.1)]
    (after,) = ask(Localizer(looks), body, before)
    assert after.frame.crop == Frame.of_box(before.box).crop


def test_models_that_look_at_upright_boxes_are_not_asked(body: BodyData) -> None:
    _keeps_all_unasked(Localizer([], aligned=False), body)


def test_bodies_without_named_hips_are_not_asked_about(body: BodyData) -> None:
    skeleton = Skeleton(tuple(f"joint {i}" for i in range(24)), body.skeleton.parents)
    _keeps_all_unasked(Localizer([]), replace(body, skeleton=skeleton))


def test_nobody_stays_nobody(body: BodyData) -> None:
    assert ask(Localizer([]), body) == []


def _keeps_all_unasked(localizer: Localizer, body: BodyData) -> None:
    before = person(Frame(np.array([1.0, 2.0]), 3.0, 0.0), np.array([0.0, 0, 9, 9]))
    assert ask(localizer, body, before) == [before]
    assert not localizer.calls
