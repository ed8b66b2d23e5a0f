# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to say in words and millimetres where a landmark is; each can find it and spell it out.

Directions are those of a person who stands: of the trunk and the head as they are; of the leg as
if it stood straight below the hip; of the arm as if it were stretched out to the side, palm down,
thumb to the front. The canonical pose turns legs and arms about the axis from back to front, and
their directions with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ....body.arrays import Float64Array
from ...smpl.surface_normals import unit
from .body_shape import BodyShape

REACH = 0.25  # metres; how far skin is looked for
_TURNS = {"body": 0.0, "leg": 40.0, "arm": 30.0}  # degrees, of the left side in canonical pose
_WAYS = {
    "out": (1, 0, 0), "in": (-1, 0, 0),
    "hand": (1, 0, 0), "shoulder": (-1, 0, 0),
    "up": (0, 1, 0), "down": (0, -1, 0),
    "forward": (0, 0, 1), "back": (0, 0, -1),
}  # fmt: skip
_SPELLED = {"hand": "toward the hand", "shoulder": "toward the shoulder"}


class Atlas(Protocol):
    """Where landmarks and joints are, and what they are called."""

    shape: BodyShape

    def at(self, name: str) -> Float64Array:
        """The place [3] of a landmark or joint, on the left or in the middle."""
        ...

    def title(self, name: str) -> str:
        """What it is called in a sentence."""
        ...


class Recipe(Protocol):
    """A way to find a place."""

    def find(self, atlas: Atlas) -> Float64Array:
        """The place [3], metres."""
        ...

    def words(self, atlas: Atlas) -> str:
        """The same in words and millimetres."""
        ...


@dataclass(frozen=True)
class At:
    """A landmark or joint, or so many millimetres from it: `At("L_Hip", "70 up, 12 in")`."""

    start: str
    mm: str = ""
    frame: str = "body"

    def find(self, atlas: Atlas) -> Float64Array:
        """The place [3]."""
        steps = [way(word, self.frame) * length / 1000 for length, word in _steps(self.mm)]
        return np.sum([atlas.at(self.start), *steps], axis=0)

    def words(self, atlas: Atlas) -> str:
        """70 mm up, 12 mm in from the hip joint."""
        steps = [f"{length:g} mm {_SPELLED.get(w, w)}" for length, w in _steps(self.mm)]
        title = atlas.title(self.start)
        return f"{', '.join(steps)} from {title}" if steps else title


@dataclass(frozen=True)
class Skin:
    """The outermost skin on a line from a place in one or two directions: "forward", "out back"."""

    start: At
    toward: str

    def find(self, atlas: Atlas) -> Float64Array:
        """The place [3]. ValueError if there is no skin within reach."""
        start, direction = self.start.find(atlas), way(self.toward, self.start.frame)
        found = atlas.shape.crossings(start, direction)
        found = found[found <= REACH]
        if not len(found):
            raise ValueError(f"no skin {self.toward} from {self.start}")
        return start + found[-1] * direction

    def words(self, atlas: Atlas) -> str:
        """..., then forward to the skin."""
        return f"{self.start.words(atlas)}, then {_spelled(self.toward)} to the skin"


@dataclass(frozen=True)
class Farthest:
    """The skin's point farthest in a direction, of those within some millimetres of a place."""

    start: At
    toward: str
    within: float
    part: str = ""

    def find(self, atlas: Atlas) -> Float64Array:
        """The place [3]."""
        direction = way(self.toward, self.start.frame)
        near = self.start.find(atlas)
        return atlas.shape.farthest(direction, near, self.within / 1000, self.part)

    def words(self, atlas: Atlas) -> str:
        """the skin's point farthest back within 50 mm of ..."""
        what = self.part.removeprefix("left_") or "skin"
        return (
            f"the {what}'s point farthest {_spelled(self.toward)} within {self.within:g} mm of "
            f"{self.start.words(atlas)}"
        )


@dataclass(frozen=True)
class Between:
    """A share of the way from one landmark to another."""

    first: str
    second: str
    share: float = 0.5

    def find(self, atlas: Atlas) -> Float64Array:
        """The place [3]."""
        return atlas.at(self.first) * (1 - self.share) + atlas.at(self.second) * self.share

    def words(self, atlas: Atlas) -> str:
        """half way from ... to ..."""
        share = "half" if self.share == 0.5 else f"{100 * self.share:g} % of the"
        return f"{share} way from {atlas.title(self.first)} to {atlas.title(self.second)}"


@dataclass(frozen=True)
class BothSides:
    """Half way between a landmark and its mirror image."""

    name: str

    def find(self, atlas: Atlas) -> Float64Array:
        """The place [3]."""
        return atlas.at(self.name) * (0, 1, 1)

    def words(self, atlas: Atlas) -> str:
        """half way between the left and the right ..."""
        return f"half way between left and right of {atlas.title(self.name)}"


@dataclass(frozen=True)
class MiddleOf:
    """The middle of a separate part of the mesh, as an eyeball."""

    part: str

    def find(self, atlas: Atlas) -> Float64Array:
        """The place [3]."""
        return atlas.shape.middle_of(self.part)

    def words(self, atlas: Atlas) -> str:
        """the middle of the eye."""
        return f"the middle of the {self.part.removeprefix('left_')}"


@dataclass(frozen=True)
class Along:
    """Inside a finger, in the middle of its section, so far from its tip on the way to a root."""

    tip: str
    root: str
    mm: float

    def find(self, atlas: Atlas) -> Float64Array:
        """The place [3]."""
        tip = atlas.at(self.tip)
        axis = unit(atlas.at(self.root) - tip)
        return atlas.shape.centred(tip + self.mm / 1000 * axis, axis)

    def words(self, atlas: Atlas) -> str:
        """the finger's middle 25 mm from its tip."""
        return f"inside, in the middle, {self.mm:g} mm from {atlas.title(self.tip)}"


class Landmark(NamedTuple):
    """title: what it is called, with an article; recipe: where it is."""

    title: str
    recipe: Recipe


Landmarks = Mapping[str, Landmark]


def way(words: str, frame: str) -> Float64Array:
    """The direction [3] that words as "forward" or "out back" mean in a frame, 1 long."""
    angle = np.deg2rad(_TURNS[frame])
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    return turn @ unit(np.sum([_WAYS[word] for word in words.split()], axis=0).astype(np.float64))


def _steps(mm: str) -> list[tuple[float, str]]:
    """The lengths and directions of "70 up, 12 in"."""
    parts = [part.split() for part in mm.split(",") if part]
    return [(float(length), word) for length, word in parts]


def _spelled(toward: str) -> str:
    return " and ".join(_SPELLED.get(word, word) for word in toward.split())
