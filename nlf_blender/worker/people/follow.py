# SPDX-License-Identifier: GPL-3.0-or-later
"""Following people from frame to frame of footage.

Whoever was seen in the last frame is looked for where they were, with one batched pass of the
landmark network; the detector looks for others only every so often. A tracklet is an unbroken run
of sightings of one person; joining tracklets is the linker's work, which sees the whole footage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .appearance import SIZE, appearance, appearance_distance
from .finder import PERSON_THRESHOLD, same_person, steadied
from .person import Float64Array, Frame, Person

SEARCH_EVERY = 5
# A crop that lies off by more than this share of its side is looked at again where it ought to be.
REFINE_FROM = 0.08
# Nobody moves further between frames than this share of their crop's side, or changes size more.
FURTHEST = 0.4
MOST_GROWTH = 1.8
APPEARANCE_WEIGHT = 1.0
# Somebody new takes the place of somebody who is followed only if they are so many times as large.
CLEARLY_LARGER = 1.5
Image = NDArray[np.uint8]


class Finder(Protocol):
    """What a follower needs of a PeopleFinder."""

    def find(self, image: Image, max_people: int, known: Sequence[Person] = ()) -> list[Person]:
        """People in a picture who are not known."""
        ...

    def look(self, image: Image, frames: Sequence[Frame]) -> list[Person]:
        """The person in each frame."""
        ...


@dataclass(frozen=True)
class Followed:
    """A person in one frame; appearance [SIZE] as `appearance` gives it."""

    tracklet: int
    person: Person
    appearance: NDArray[np.float32]

    @property
    def crop(self) -> Float64Array:
        """[4]: centre x, y and side in pixels, roll in radians."""
        frame = self.person.frame
        return np.array([*frame.center, frame.side, frame.roll])


@dataclass(frozen=True, eq=False)
class FollowerState:
    """Who was seen in the last frame, as the rows of a take tell it (fields track, crop and
    appearance), and the number of the next tracklet.

    tracklets [P], crops [P,4] (centre x, y and side in pixels, roll), appearances [P,SIZE].
    """

    tracklets: NDArray[np.int64]
    crops: Float64Array
    appearances: NDArray[np.float32]
    next_tracklet: int

    @classmethod
    def of(cls, followed: Sequence[Followed], next_tracklet: int) -> FollowerState:
        """The state after a frame in which these were seen."""
        return cls(
            np.array([item.tracklet for item in followed], dtype=np.int64),
            np.array([item.crop for item in followed]).reshape(-1, 4),
            np.array([item.appearance for item in followed], np.float32).reshape(-1, SIZE),
            next_tracklet,
        )


class Follower:
    """Follows at most `max_people` people at a time; see `FollowerState` for how to go on."""

    def __init__(self, finder: Finder, max_people: int, state: FollowerState | None = None) -> None:
        self.finder = finder
        self.max_people = max_people
        self.state = state or FollowerState.of([], 0)

    def step(self, image: Image, *, cut: bool, search: bool) -> list[Followed]:
        """The people in the next frame [H,W,3] RGB, by tracklet.

        cut: another shot begins, where all tracklets end; search: look for others too, which is
        done anyway where nobody is followed, and where somebody was just lost.
        """
        followed = [] if cut else self._follow(image)
        start = self.state.next_tracklet
        lost = len(followed) < len(self.state.tracklets)
        if search or lost or not followed:
            known = [item.person for item in followed]
            people = self.finder.find(image, self.max_people, known)
            new = [
                Followed(start + i, person, appearance(image, person))
                for i, person in enumerate(people)
            ]
            followed = self._largest(followed, new)
        followed.sort(key=lambda item: item.tracklet)
        begun = [item.tracklet + 1 for item in followed]
        self.state = FollowerState.of(followed, max([start, *begun]))
        return followed

    def _follow(self, image: Image) -> list[Followed]:
        """Those of the last frame who are seen again, in any order."""
        state = self.state
        last = [Frame.from_row(crop) for crop in state.crops]
        if not last:
            return []
        seen = _distinct(self._looks(image, last))
        looks = [appearance(image, person) for person in seen]
        cost = np.full((len(last), len(seen)), np.inf)
        for i, frame in enumerate(last):
            for j, person in enumerate(seen):
                change = frame_change(frame, person.frame)
                unlike = appearance_distance(state.appearances[i], looks[j])
                cost[i, j] = change + APPEARANCE_WEIGHT * float(unlike)
        return [Followed(int(state.tracklets[i]), seen[j], looks[j]) for i, j in _assigned(cost)]

    def _looks(self, image: Image, frames: list[Frame]) -> list[Person]:
        """Who is seen in frames of the last picture; those who moved far are looked at twice."""
        people = self.finder.look(image, frames)
        moved = [
            i
            for i, (person, frame) in enumerate(zip(people, frames, strict=True))
            if person.score > PERSON_THRESHOLD
            and np.linalg.norm(person.frame.center - frame.center) > REFINE_FROM * frame.side
        ]
        if moved:
            again = self.finder.look(image, [people[i].frame for i in moved])
            for i, person in zip(moved, again, strict=True):
                people[i] = steadied(people[i], person)
        return [person for person in people if person.score > PERSON_THRESHOLD]

    def _largest(self, followed: list[Followed], new: list[Followed]) -> list[Followed]:
        """At most `max_people` of both; those who are followed already stay if they are not much
        smaller. New tracklets are numbered without gaps."""
        ranked = [
            (item.person.area * item.person.score * CLEARLY_LARGER, item) for item in followed
        ]
        ranked += [(item.person.area * item.person.score, item) for item in new]
        ranked.sort(key=lambda pair: (-pair[0], pair[1].tracklet))
        chosen = [item for _, item in ranked[: self.max_people]]
        fresh = [item for item in chosen if item.tracklet >= self.state.next_tracklet]
        fresh.sort(key=lambda item: item.tracklet)
        stay = [item for item in chosen if item.tracklet < self.state.next_tracklet]
        start = self.state.next_tracklet
        return stay + [replace(item, tracklet=start + i) for i, item in enumerate(fresh)]


def _distinct(people: list[Person]) -> list[Person]:
    """The surest of people whose landmarks agree."""
    kept: list[Person] = []
    for person in sorted(people, key=lambda item: -item.score):
        if not any(same_person(person, other) for other in kept):
            kept.append(person)
    return kept


def frame_change(first: Frame, second: Frame) -> float:
    """How far a frame moved and grew, 0 for not at all; infinite if nobody moves so far."""
    moved = float(np.linalg.norm(first.center - second.center)) / first.side
    grown = abs(float(np.log(second.side / first.side)))
    if moved > FURTHEST or grown > np.log(MOST_GROWTH):
        return np.inf
    return moved + grown


def _assigned(cost: Float64Array) -> list[tuple[int, int]]:
    """Pairs of rows and columns of finite cost, as many and as cheap as possible."""
    forbidden = 1e6
    rows, columns = linear_sum_assignment(np.where(np.isfinite(cost), cost, forbidden))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if np.isfinite(cost[i, j])]
