# SPDX-License-Identifier: GPL-3.0-or-later
"""People put into the world: on the ground, on a seat, in the air, beside one another.

The world has y up and the ground at y = 0; metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array
from .figures import CAPSULES, Figure, Posed, pose_figure, segment_distances
from .poses import Pose
from .scene import Prop
from .shapes import Shape
from .skeleton import INDEX
from .turns import turn

DEEPEST = 0.05  # metres that people may be in each other, as in a hug
STEP = 0.06  # metres by which they are moved apart
PLATFORM_CHANCE = {"lie_back": 0.3, "lie_belly": 0.25, "lie_side": 0.3, "sit_floor": 0.15}
OTHER_PLATFORM_CHANCE = 0.03
_SEAT_PARTS = [INDEX[name] for name in ("pelvis", "left_hip", "right_hip")]
_TRUNK_PARTS = [INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3")]


@dataclass(frozen=True, eq=False)
class Placed:
    """A person in the world. posed: about the pelvis, turned as in the world; pelvis [3]: where
    it is; seat: what the person is on, None for the ground or the air."""

    shape: Shape
    pose: Pose
    posed: Posed
    pelvis: Float64Array
    seat: Prop | None = None

    @cached_property
    def points(self) -> Float64Array:
        """Points of the skin [S,3]."""
        return self.posed.points() + self.pelvis

    @cached_property
    def capsules(self) -> Float64Array:
        """The ends of the body's capsules [C,2,3]."""
        return self.posed.capsule_ends() + self.pelvis

    def moved(self, shift: Float64Array) -> Placed:
        """The person and the seat [3] further."""
        seat = self.seat
        if seat is not None:
            seat = Prop(seat.kind, seat.rotation, seat.place + shift, seat.size, seat.seed)
        return Placed(self.shape, self.pose, self.posed, self.pelvis + shift, seat)


def place(random: Generator, shape: Shape, figure: Figure, pose: Pose, heading: float) -> Placed:
    """The person, turned by `heading` degrees, with the pelvis over the origin."""
    local = pose.local.copy()
    local[0] = turn("y", heading) @ local[0]
    posed = pose_figure(figure, local)
    points = posed.points()
    height = -float(points[:, 1].min())
    seat = None
    if pose.rests_on == "air":
        height += float(
            random.uniform(0.02, 0.6) if random.random() < 0.7 else random.uniform(0, 3)
        )
    elif pose.rests_on == "seat":
        seat = _seat(random, posed, points + np.array([0.0, height, 0.0]))
    elif random.random() < PLATFORM_CHANCE.get(pose.name, OTHER_PLATFORM_CHANCE):
        seat = _platform(random, points)
        height += float(seat.size[1])
    return Placed(shape, pose, posed, np.array([0.0, height, 0.0]), seat)


def _facing(posed: Posed) -> Float64Array:
    """A rotation [3,3] about the vertical with z to where the pelvis faces."""
    ahead = posed.world[0][:, 2]
    return turn("y", float(np.degrees(np.arctan2(ahead[0], ahead[2]))))


def _seat(random: Generator, posed: Posed, points: Float64Array) -> Prop:
    """What the person with the skin's points [S,3] sits on."""
    part = posed.figure.part
    facing = _facing(posed)
    own = points @ facing  # in the seat's axes
    under = own[np.isin(part, _SEAT_PARTS)]
    top = max(float(np.percentile(under[:, 1], 2)), 0.05)
    back = float(own[np.isin(part, _TRUNK_PARTS), 2].min())
    depth, width = random.uniform(0.36, 0.52), random.uniform(0.38, 0.6)
    upright = under[:, 2].min() - back < 0.06  # else a chair's back would be in the person's
    kind = "chair" if upright and random.random() < 0.55 else str(
        random.choice(["stool", "box", "bench", "ledge"])
    )  # fmt: skip
    if kind in ("bench", "ledge"):
        width = random.uniform(1.0, 2.5)
    middle = back - 0.01 if kind == "chair" else under[:, 2].min() + random.uniform(-0.06, 0.08)
    foot = facing @ np.array([under[:, 0].mean(), 0.0, middle + depth / 2])
    size = np.array([width, top, depth])
    return Prop(kind, facing, foot, size, int(random.integers(2**31)))


def _platform(random: Generator, points: Float64Array) -> Prop:
    """A low block, bench or bed under all of the points."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low + random.uniform(0.02, 0.5, 3)
    size[1] = random.uniform(0.1, 0.7)
    middle = (low + high) / 2 * [1.0, 0.0, 1.0]
    kind = str(random.choice(["box", "bench", "ledge"]))
    return Prop(kind, np.eye(3), middle, size, int(random.integers(2**31)))


def overlap(first: Placed, second: Placed) -> float:
    """How deep two people are in each other, metres; negative: how far apart."""
    count = len(CAPSULES)
    rows, columns = (index.reshape(-1) for index in np.indices((count, count)))
    apart = segment_distances(first.capsules[rows], second.capsules[columns])
    radii = first.posed.figure.radii[rows] + second.posed.figure.radii[columns]
    return float((radii - apart).max())


def beside(others: list[Placed], person: Placed, direction: Float64Array, tries: int) -> Placed:
    """The person moved on along a horizontal direction [3] until in nobody by more than DEEPEST."""
    for _ in range(tries):
        depth = max(overlap(other, person) for other in others)
        if depth <= DEEPEST:
            break
        person = person.moved(direction * max(STEP, depth - DEEPEST))
    return person
