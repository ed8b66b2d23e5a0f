# SPDX-License-Identifier: GPL-3.0-or-later
"""Who stands where: people near each other, in contact, in queues, rows and crowds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .figures import FigureModel
from .placing import Placed, beside, place
from .poses import PoseSampler
from .shapes import ShapeSpace

KINDS = ("scattered", "close", "hug", "queue", "row", "crowd")
CHANCES = (0.25, 0.25, 0.12, 0.13, 0.12, 0.13)
PUSHES = 12
# How many people a picture has, one to six.
SCENE_COUNTS = (0.30, 0.24, 0.18, 0.12, 0.09, 0.07)
CROP_COUNTS = (0.52, 0.26, 0.12, 0.06, 0.03, 0.01)


@dataclass(frozen=True, eq=False)
class PeopleMaker:
    """Draws people with shapes of a split and poses they can take."""

    model: FigureModel
    shapes: ShapeSpace
    poses: PoseSampler
    split: str

    def person(self, random: Generator, heading: float) -> Placed:
        """A person over the origin of the world, turned by `heading` degrees."""
        shape = self.shapes.draw(random, self.split)
        figure = self.model.figure(shape.betas, shape.scale)
        return place(random, shape, figure, self.poses.draw(random, figure), heading)

    def group(self, random: Generator, counts: tuple[float, ...]) -> list[Placed]:
        """One to six people, the first over the origin; counts: how likely each number is."""
        number = 1 + int(random.choice(len(counts), p=counts))
        heading = random.uniform(0, 360)
        people = [self.person(random, heading)]
        kind = str(random.choice(KINDS, p=CHANCES))
        along = random.uniform(0, 360)
        for row in range(1, number):
            angle, distance, other = _offset(random, kind, row, heading, along)
            direction = np.array([np.sin(np.radians(angle)), 0.0, np.cos(np.radians(angle))])
            newcomer = self.person(random, other).moved(direction * distance)
            people.append(beside(people, newcomer, direction, PUSHES))
        return people


def _offset(
    random: Generator, kind: str, row: int, heading: float, along: float
) -> tuple[float, float, float]:
    """Where the row-th of the others is: direction in degrees, metres, and its own heading."""
    anywhere = random.uniform(0, 360)
    if kind == "hug" and row == 1:
        angle = heading + random.normal() * 25 + (180 if random.random() < 0.3 else 0)
        facing = angle + 180 if random.random() < 0.75 else angle
        return angle, random.uniform(0.2, 0.4), facing + random.normal() * 20
    if kind == "queue":
        return along, 0.6 * row + random.normal() * 0.08, along + 180 + random.normal() * 20
    if kind == "row":
        side = along if row % 2 else along + 180
        return side, 0.55 * ((row + 1) // 2) + random.normal() * 0.05, along + 90
    if kind == "close":
        return anywhere, random.uniform(0.25, 0.9), random.uniform(0, 360)
    if kind == "crowd":
        return anywhere, random.uniform(0.4, 0.5 + 0.4 * row), heading + random.normal() * 60
    return anywhere, random.uniform(0.6, 3.5), random.uniform(0, 360)
