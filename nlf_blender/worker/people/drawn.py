# SPDX-License-Identifier: GPL-3.0-or-later
"""People whom the detector missed, followed from a box that was drawn on one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .appearance import appearance, appearance_distance
from .finder import PERSON_THRESHOLD
from .follow import frame_change
from .person import Frame, Person

# Who looks so unlike the one in the box is somebody else.
STRANGER = 0.45
Image = NDArray[np.uint8]


class BoxFinder(Protocol):
    """What following from a box needs of a PeopleFinder."""

    def look(self, image: Image, frames: Sequence[Frame]) -> list[Person]:
        """The person in each frame."""
        ...

    def people_in_boxes(self, image: Image, boxes: Sequence[Sequence[float]]) -> list[Person]:
        """The person in each box."""
        ...


def follow_from_box(
    finder: BoxFinder,
    frames: Sequence[tuple[int, Image]],
    at: int,
    box: Sequence[float],
    on_look: Callable[[], None] = lambda: None,
) -> dict[int, Person]:
    """Somebody in a box (left, top, right, bottom) drawn on frame `at`, and in the frames before
    and after it until they are lost: by frame, in order.

    frames: indices into the source, and pictures [H,W,3] RGB, in order and of one shot. on_look is
    called before each frame is looked at; what it raises ends the work. ValueError if `at` is none
    of the frames.
    """
    middle = [index for index, _ in frames].index(at)
    image = frames[middle][1]
    (person,) = finder.people_in_boxes(image, [box])
    looks = appearance(image, person)
    before = _follow(finder, reversed(frames[:middle]), person, looks, on_look)
    after = _follow(finder, frames[middle + 1 :], person, looks, on_look)
    return {**dict(reversed(before.items())), at: person, **after}


def _follow(
    finder: BoxFinder,
    frames: Iterable[tuple[int, Image]],
    person: Person,
    looks: NDArray[np.float32],
    on_look: Callable[[], None],
) -> dict[int, Person]:
    """Somebody in frames one after the other, until they are lost."""
    seen: dict[int, Person] = {}
    for index, image in frames:
        on_look()
        (found,) = finder.look(image, [person.frame])
        lost = found.score <= PERSON_THRESHOLD
        if lost or not np.isfinite(frame_change(person.frame, found.frame)):
            break
        if appearance_distance(looks, appearance(image, found)) > STRANGER:
            break
        seen[index] = person = found
    return seen
