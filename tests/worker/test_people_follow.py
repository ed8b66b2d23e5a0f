# SPDX-License-Identifier: GPL-3.0-or-later
"""Following people, with a finder that knows the truth and with the real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from painted_person import ASSETS, paint_person

from nlf_blender.worker.people.appearance import SIZE
from nlf_blender.worker.people.drawn import follow_from_box
from nlf_blender.worker.people.finder import PeopleFinder, same_person
from nlf_blender.worker.people.follow import Followed, Follower, FollowerState
from nlf_blender.worker.people.person import Frame, Person

SIDE = 100.0
COLOURS = ((220, 40, 40), (40, 60, 220), (40, 180, 60))
# Head, shoulders and arms, hips, knees and ankles, in sides of the frame about the hips
PLACES = np.zeros((33, 2))
PLACES[:11, 1] = -0.35
PLACES[11:23, 1] = -0.25
PLACES[23:25, 1] = 0.0
PLACES[25:27, 1] = 0.2
PLACES[27:, 1] = 0.4
PLACES[11::2, 0], PLACES[12::2, 0] = -0.1, 0.1


def person_at(place: np.ndarray, score: float = 0.9) -> Person:
    keypoints = np.column_stack([PLACES * SIDE + place, np.ones(33)])
    box = np.concatenate([keypoints[:, :2].min(0), keypoints[:, :2].max(0)])
    return Person(box, score, Frame(np.asarray(place, float), SIDE, 0.1), keypoints)


class KnowingFinder:
    """Sees the nearest of people at known places, the first in the front; counts its looks."""

    def __init__(self) -> None:
        self.places: list[tuple[float, float]] = []
        self.searches = 0
        self.looked: list[int] = []

    def people(self) -> list[Person]:
        seen: list[Person] = []
        for place in self.places:
            person = person_at(np.array(place))
            if not any(np.linalg.norm(p.frame.center - place) < 25 for p in seen):
                seen.append(person)
        return seen

    def find(
        self, image: np.ndarray, max_people: int, known: Sequence[Person] = ()
    ) -> list[Person]:
        self.searches += 1
        new = [p for p in self.people() if not any(same_person(p, other) for other in known)]
        return new[:max_people]

    def look(self, image: np.ndarray, frames: Sequence[Frame]) -> list[Person]:
        self.looked.append(len(frames))
        people = self.people()
        found: list[Person] = []
        for frame in frames:
            near = min(people, key=lambda p: np.linalg.norm(p.frame.center - frame.center),
                       default=None)  # fmt: skip
            if near is None or np.linalg.norm(near.frame.center - frame.center) > 45:
                near = person_at(frame.center, 0.1)
            found.append(near)
        return found

    def people_in_boxes(self, image: np.ndarray, boxes: Sequence[Sequence[float]]) -> list[Person]:
        box = np.asarray(boxes[0])
        return self.look(image, [Frame((box[:2] + box[2:]) / 2, SIDE, 0.0)])

    def picture(self) -> np.ndarray:
        """Everybody as a patch of their colour, the first in the front."""
        image = np.full((400, 800, 3), 128, np.uint8)
        for i in reversed(range(len(self.places))):
            x, y = (round(value) for value in self.places[i])
            image[y - 40 : y + 45, max(x - 15, 0) : x + 16] = COLOURS[i]
        return image


class SeeingFinder(KnowingFinder):
    """Sees where the first person's colour is."""

    def look(self, image: np.ndarray, boxes: Sequence[Frame]) -> list[Person]:
        column = np.flatnonzero((image == COLOURS[0]).all(-1).any(0))
        self.places = [(float(column.mean()), 200.0)] if len(column) else []
        return super().look(image, boxes)


def step(follower: Follower, finder: KnowingFinder, places: list[tuple[float, float]], *,
         cut: bool = False, search: bool = False) -> list[Followed]:  # fmt: skip
    finder.places = places
    return follower.step(finder.picture(), cut=cut, search=search)


def tracklets(followed: list[Followed]) -> list[int]:
    return [item.tracklet for item in followed]


def test_who_is_followed_needs_one_batched_look_and_no_search() -> None:
    finder = KnowingFinder()
    follower = Follower(finder, 8)
    step(follower, finder, [(200, 200), (500, 200)])
    assert finder.searches == 1
    for i in range(1, 6):
        seen = step(follower, finder, [(200 + 5 * i, 200), (500 - 5 * i, 200)])
        assert tracklets(seen) == [0, 1]
        assert seen[0].person.frame.center[0] == 200 + 5 * i
        assert seen[0].appearance.shape == (SIZE,)
        assert seen[0].crop.tolist() == [200 + 5 * i, 200, SIDE, 0.1]
    assert finder.searches == 1
    assert finder.looked == [2] * 5


def test_who_moves_far_is_looked_at_twice() -> None:
    finder = KnowingFinder()
    follower = Follower(finder, 8)
    step(follower, finder, [(200, 200), (500, 200)])
    assert tracklets(step(follower, finder, [(220, 200), (500, 200)])) == [0, 1]
    assert finder.looked == [2, 1]


def test_others_are_searched_for_when_asked_and_when_somebody_is_lost() -> None:
    finder = KnowingFinder()
    follower = Follower(finder, 8)
    step(follower, finder, [(200, 200)])
    assert tracklets(step(follower, finder, [(200, 200), (500, 200)])) == [0]
    assert tracklets(step(follower, finder, [(200, 200), (500, 200)], search=True)) == [0, 1]
    assert tracklets(step(follower, finder, [(500, 200), (700, 200)])) == [1, 2]
    assert finder.searches == 3
    assert step(follower, finder, []) == []
    assert tracklets(step(follower, finder, [(500, 200)])) == [3]


def test_all_tracklets_end_at_a_cut() -> None:
    finder = KnowingFinder()
    follower = Follower(finder, 8)
    places = [(200.0, 200.0), (500.0, 200.0)]
    assert tracklets(step(follower, finder, places)) == [0, 1]
    assert tracklets(step(follower, finder, places, cut=True)) == [2, 3]


def test_crossing_people_are_not_taken_for_each_other() -> None:
    finder = KnowingFinder()
    follower = Follower(finder, 8)
    front = behind = -1
    for i in range(61):
        seen = step(
            follower, finder, [(250 + 5.0 * i, 200), (550 - 5.0 * i, 200)], search=i % 5 == 0
        )
        by_place = {round(item.person.frame.center[0]): item.tracklet for item in seen}
        if i == 0:
            front, behind = by_place[250], by_place[550]
        elif 250 + 5 * i in by_place:
            assert by_place[250 + 5 * i] == front
        if i < 20:
            assert by_place[550 - 5 * i] == behind
    # Whoever was hidden comes back as somebody new, or as themselves, never as the other.
    assert len(by_place) == 2
    assert by_place[250] != front


def test_two_who_collapse_on_one_leave_the_one_who_looks_alike() -> None:
    finder = KnowingFinder()
    follower = Follower(finder, 8)
    step(follower, finder, [(300, 200), (340, 200)])
    finder.places = [(320, 200)]
    image = finder.picture()
    image[image[..., 0] == COLOURS[0][0]] = COLOURS[1]
    seen = follower.step(image, cut=False, search=False)
    assert tracklets(seen) == [1]


def test_at_most_so_many_are_followed_and_the_clearly_larger_come_first() -> None:
    finder = KnowingFinder()
    follower = Follower(finder, 2)
    places = [(150.0, 200.0), (400.0, 200.0), (650.0, 200.0)]
    assert tracklets(step(follower, finder, places)) == [0, 1]
    assert tracklets(step(follower, finder, places, search=True)) == [0, 1]


def test_who_is_followed_stays_though_somebody_new_is_a_little_larger() -> None:
    for factor, tracklet in ((1.2, 0), (1.8, 1)):
        finder = KnowingFinder()
        follower = Follower(finder, 1)
        step(follower, finder, [(200, 200)])
        other = person_at(np.array((500, 200)))
        grown = replace(other, box=other.box * np.sqrt(factor))
        finder.find = lambda *_, grown=grown: [grown]  # type: ignore[method-assign]
        seen = step(follower, finder, [(200, 200), (500, 200)], search=True)
        assert tracklets(seen) == [tracklet]


def test_a_run_goes_on_from_the_rows_of_its_last_frame() -> None:
    random = np.random.default_rng(0)
    paths = np.cumsum(random.normal(0, 6, size=(30, 3, 2)), axis=0) + 200.0
    paths += np.array([(0, 0), (180, 0), (360, 0)])

    def run(first: int, follower: Follower, finder: KnowingFinder) -> list[list[Followed]]:
        return [
            step(follower, finder, [tuple(p) for p in paths[i]], search=i % 5 == 0)
            for i in range(first, 30)
        ]

    finder = KnowingFinder()
    whole = run(0, Follower(finder, 8), finder)
    highest = max(item.tracklet for frame in whole[:13] for item in frame)
    last = whole[12]
    state = FollowerState(
        np.array(tracklets(last)),
        np.array([item.crop for item in last]),
        np.array([item.appearance for item in last]),
        highest + 1,
    )
    other = KnowingFinder()
    rest = run(13, Follower(other, 8, state), other)
    for one, two in zip(whole[13:], rest, strict=True):
        assert tracklets(one) == tracklets(two)
        for a, b in zip(one, two, strict=True):
            assert a.crop.tobytes() == b.crop.tobytes()
            assert a.appearance.tobytes() == b.appearance.tobytes()


def test_a_drawn_box_is_followed_both_ways_until_somebody_is_lost() -> None:
    finder = KnowingFinder()
    frames: list[tuple[int, np.ndarray]] = []
    for i in range(10):
        finder.places = [(200 + 10 * i, 200)] if 2 <= i <= 7 else []
        frames.append((100 + i, finder.picture()))

    seen = follow_from_box(SeeingFinder(), frames, 104, (220, 160, 260, 240))
    assert list(seen) == [102, 103, 104, 105, 106, 107]
    assert [round(p.frame.center[0]) for p in seen.values()] == [220, 230, 240, 250, 260, 270]
    with pytest.raises(ValueError):
        follow_from_box(SeeingFinder(), frames, 99, (220, 160, 260, 240))


def test_the_real_finder_follows_a_person_who_is_moved_about() -> None:
    finder = PeopleFinder("cpu", ASSETS)
    image = paint_person().image
    follower = Follower(finder, 4)
    centres = []
    for shift in (0, 12, 24):
        moved = np.roll(image, shift, axis=1)
        (seen,) = follower.step(moved, cut=False, search=False)
        assert seen.tracklet == 0
        assert seen.person.score > 0.5
        centres.append(seen.person.frame.center[0] - shift)
    assert np.ptp(centres) < 0.03 * seen.person.frame.side
