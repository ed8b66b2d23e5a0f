# SPDX-License-Identifier: GPL-3.0-or-later
"""Things before, behind, under and in the hands of people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .primitives import Solid
from .random_looks import leaves_look, pick, thing_look
from .scene import Prop
from .stage import Look

Float64Array = NDArray[np.float64]
LEFT_HAND, RIGHT_HAND = 22, 23
_NOTHING_BEFORE = 0.68  # share of the pictures
_HOLDS = 0.15  # share of the people
_LEG = 0.045  # metres


@dataclass(frozen=True, eq=False)
class Place:
    """One picture of a batch, as things are put into it, in the camera's axes. up [3]; height of
    the camera over the ground; joints: of each person [J,3], the subject's first."""

    picture: int
    up: Float64Array
    height: float
    joints: tuple[Float64Array, ...]

    def upright(self, heading: float) -> Float64Array:
        """Axes [3,3] (columns) that stand on the ground, turned by `heading` radians."""
        ahead = np.array([0.0, 0.0, 1.0]) - self.up * self.up[2]
        if np.linalg.norm(ahead) < 1e-3:  # the camera looks straight up or down
            ahead = np.array([0.0, 1.0, 0.0]) - self.up * self.up[1]
        ahead /= np.linalg.norm(ahead)
        aside = np.cross(self.up, ahead)
        forward = np.cos(heading) * ahead + np.sin(heading) * aside
        return np.stack([np.cross(self.up, forward), self.up, forward], axis=1)

    def on_ground(self, point: Float64Array) -> Float64Array:
        """The ground under a point [3]."""
        return point - self.up * (point @ self.up + self.height)


def things(random: Generator, place: Place) -> list[Solid]:
    """What stands about: occluders before the subject, furniture behind, things held."""
    solids: list[Solid] = []
    if random.random() > _NOTHING_BEFORE:
        for _ in range(int(random.integers(1, 3))):
            solids += _before(random, place)
    for _ in range(int(random.integers(0, 6))):
        solids += _behind(random, place)
    for joints in place.joints:
        if random.random() < _HOLDS:
            solids += _held(random, place, joints)
    return solids


def prop_solids(picture: int, prop: Prop) -> list[Solid]:
    """A thing that people sit, lie or step on."""
    random = np.random.default_rng(prop.seed)
    one, other = thing_look(random), thing_look(random)
    parts = {
        "box": lambda: [("box", (0, 0, 0), prop.size, one)],
        "ledge": lambda: [("box", (0, 0, 0), prop.size, one)],
        "stool": lambda: table_parts(prop.size, one, other),
        "bench": lambda: table_parts(prop.size, one, other),
        "chair": lambda: chair_parts(
            prop.size + np.array([0, random.uniform(0.3, 0.6), 0]), float(prop.size[1]), one, other
        ),
    }[prop.kind]()
    return assembled(picture, prop.rotation, prop.place, parts)


def _before(random: Generator, place: Place) -> list[Solid]:
    """Something between the camera and a part of the subject."""
    joints = place.joints[0]
    target = joints[random.integers(len(joints))] + random.normal(size=3) * 0.15
    height = float(np.ptp(joints, axis=0).max()) + 0.2
    nearest = float(joints[:, 2].min()) - 0.35
    depth = target[2] * random.uniform(0.35, 0.9)
    depth = min(depth, nearest)
    if depth < 0.3:
        return []
    middle = target / target[2] * depth
    share = depth / target[2]  # what covers as much is smaller when it is nearer
    heading = random.uniform(0, 2 * np.pi)
    kind = random.integers(6)
    if kind == 0:  # a pole or trunk from the ground up
        width = share * height * random.uniform(0.02, 0.14)
        size = np.array([width, height * 3, width])
        return [Solid("cylinder", place.picture, place.upright(heading), place.on_ground(middle),
                      size, thing_look(random))]  # fmt: skip
    if kind == 1:  # something on the ground that hides legs
        top = float(middle @ place.up) + place.height
        if top < 0.1:
            return []
        size = np.array([random.uniform(0.3, 2.5), top, random.uniform(0.1, 0.3)]) * [share, 1, 1]
        return _furniture(
            random, place, place.on_ground(middle), size, heading=random.normal() * 0.5
        )
    if kind == 2:
        return _bush(random, place, middle, share * height * random.uniform(0.1, 0.35))
    size = share * height * random.uniform(0.04, 0.28, size=3)
    turn = _random_turn(random)
    shape = pick(random, ("box", "ball", "cylinder"))
    return [Solid(shape, place.picture, turn, middle, size, thing_look(random))]


def _behind(random: Generator, place: Place) -> list[Solid]:
    """Furniture, boxes, poles, plants that stand behind or beside everyone."""
    everyone = np.concatenate(place.joints)
    far = everyone[:, 2].max() + 0.5 + random.exponential(1.5)
    aside = far * random.normal() * 0.5
    spot = place.on_ground(np.array([aside, 0.0, far]))
    heading = random.uniform(0, 2 * np.pi)
    kind = random.integers(5)
    if kind == 0:
        return _bush(random, place, spot + place.up * 0.4, random.uniform(0.3, 1.0))
    if kind == 1:
        width = random.uniform(0.05, 0.5)
        size = np.array([width, random.uniform(0.8, 5), width])
        return [Solid("cylinder", place.picture, place.upright(heading), spot, size,
                      thing_look(random))]  # fmt: skip
    size = random.uniform([0.3, 0.3, 0.3], [2.0, 2.2, 0.9])
    return _furniture(random, place, spot, size, heading)


def _furniture(
    random: Generator, place: Place, spot: Float64Array, size: Float64Array, heading: float
) -> list[Solid]:
    makers: tuple[Callable[[Look, Look], Iterable], ...] = (
        lambda one, _: [("box", (0, 0, 0), size, one)],
        lambda one, other: table_parts(size, one, other),
        lambda one, other: chair_parts(size, min(0.45, size[1] / 2), one, other),
        lambda one, other: _shelf_parts(size, one, other),
    )
    parts = makers[random.integers(len(makers))](thing_look(random), thing_look(random))
    return assembled(place.picture, place.upright(heading), spot, parts)


def table_parts(size: Float64Array, top: Look, legs: Look) -> list[tuple]:
    """A slab on four legs: shape, place of the bottom's middle, size, look of each part."""
    width, height, depth = size
    slab = 0.04
    parts = [("box", (0, height - slab, 0), (width, slab, depth), top)]
    for right in (-1, 1):
        for front in (-1, 1):
            at = (right * (width / 2 - _LEG), 0, front * (depth / 2 - _LEG))
            parts.append(("box", at, (_LEG, max(height - slab, 0.01), _LEG), legs))
    return parts


def chair_parts(size: Float64Array, seat: float, cloth: Look, legs: Look) -> list[tuple]:
    """A seat `seat` metres high with a back as high as size says."""
    width, height, depth = size
    parts = table_parts(np.array([width, seat, depth]), cloth, legs)
    back = (width, max(height - seat, 0.02), 0.04)
    return [*parts, ("box", (0, seat, -depth / 2 + 0.02), back, cloth)]


def _shelf_parts(size: Float64Array, frame: Look, boards: Look) -> list[tuple]:
    width, height, depth = size
    parts = [("box", (side * width / 2, 0, 0), (0.03, height, depth), frame) for side in (-1, 1)]
    levels = np.arange(0.05, height, 0.38)
    return parts + [("box", (0, level, 0), (width, 0.03, depth), boards) for level in levels]


def assembled(
    picture: int, turn: Float64Array, spot: Float64Array, parts: Iterable[tuple]
) -> list[Solid]:
    """Solids of parts whose places are given in the thing's own axes."""
    return [
        Solid(shape, picture, turn, spot + turn @ np.array(at, float), np.array(size, float), look)
        for shape, at, size, look in parts
    ]


def _bush(random: Generator, place: Place, middle: Float64Array, radius: float) -> list[Solid]:
    look = leaves_look(random)
    solids = []
    for _ in range(int(random.integers(6, 16))):
        size = radius * random.uniform(0.25, 0.8, size=3)
        spot = middle + random.normal(size=3) * radius * 0.22
        solids.append(Solid("ball", place.picture, _random_turn(random), spot, size, look))
    return solids


def _held(random: Generator, place: Place, joints: Float64Array) -> list[Solid]:
    """A ball, a box, a stick or a bag at a hand."""
    hand = joints[pick(random, (LEFT_HAND, RIGHT_HAND))]
    kind = random.integers(4)
    look = thing_look(random)
    if kind == 3:  # a bag hangs from the hand
        size = random.uniform([0.15, 0.2, 0.06], [0.4, 0.45, 0.2])
        bottom = hand - place.up * (size[1] + 0.05)
        turn = place.upright(random.uniform(0, 2 * np.pi))
        return [Solid("box", place.picture, turn, bottom, size, look)]
    turn = _random_turn(random)
    shape, low, high = (
        ("ball", [0.1] * 3, [0.3] * 3),
        ("box", [0.05, 0.1, 0.01], [0.25, 0.35, 0.08]),
        ("cylinder", [0.02, 0.3, 0.02], [0.05, 1.4, 0.05]),
    )[kind]
    size = random.uniform(low, high)
    if shape == "ball":
        size[:] = size[0]
    grip = random.uniform(0.3, 0.7) if shape == "cylinder" else 0.5
    bottom = hand - turn[:, 1] * size[1] * grip
    return [Solid(shape, place.picture, turn, bottom, size, look)]


def _random_turn(random: Generator) -> Float64Array:
    axes, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return axes * np.sign(np.linalg.det(axes))
