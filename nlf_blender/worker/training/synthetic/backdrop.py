# SPDX-License-Identifier: GPL-3.0-or-later
"""Random backgrounds: what a room, open country or a painted backdrop is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .random_looks import pick, plane_look, random_color
from .stage import Look

ROOM, OPEN, PAINTED = 0, 1, 2
_CHANCES = (0.48, 0.36, 0.16)
_SHAPES = 10  # on a painted backdrop
PLANES = 6  # of a room: its planes in the order -x, +x, ground, ceiling, -z, +z


@dataclass(frozen=True, eq=False)
class Backdrop:
    """One picture's background. kind: ROOM, OPEN or PAINTED. heading: radians, of the room's axes
    about up. bounds [6]: metres from the camera to the planes, as (least, most) of the room's axes
    (aside, up, ahead). looks: of the planes. sky [3,3]: light at the horizon, overhead, of clouds.
    paint [SHAPES,12]: see `backgrounds`. blur: of the background, pixels. seed: of its noise."""

    kind: int
    heading: float
    bounds: NDArray[np.float32]
    looks: tuple[Look, ...]
    sky: NDArray[np.float32]
    paint: NDArray[np.float32]
    seed: float


def random_backdrop(random: Generator, height: float, farthest: float) -> Backdrop:
    """height: of the camera over the ground; farthest: of the people, both metres."""
    kind = int(random.choice(3, p=_CHANCES))
    away = random.uniform(0.3, 4.0, size=6)
    behind = farthest + 0.6 + random.exponential(1.5)
    bounds = np.array([-1.5 - away[0], 1.5 + away[1], -height, 0, -1 - away[4], behind])
    bounds[3] = max(2.2 + random.exponential(0.7) - height, 0.4)
    # The walls of a turned room must still be behind the people.
    heading = random.normal() * 0.5
    bounds[[0, 1]] = np.sign(bounds[[0, 1]]) * np.maximum(
        np.abs(bounds[[0, 1]]), abs(np.sin(heading)) * (farthest + 1.2)
    )
    if kind == OPEN:
        bounds[[0, 4]], bounds[[1, 3, 5]] = -1e5, 1e5
    axes = np.eye(3, dtype=np.float32)
    along = (axes[[2, 1, 0]], axes[[2, 1, 0]], axes[[0, 2, 1]], axes[[0, 2, 1]], axes, axes)
    looks = tuple(
        plane_look(random, "floor" if plane == 2 else "wall", along[plane])
        for plane in range(PLANES)
    )
    if kind == OPEN:
        looks = (plane_look(random, "ground", along[2]),) * PLANES
    elif random.random() < 0.8:  # the walls of a room are mostly alike
        wall = looks[0]
        turned = [Look(**{**vars(wall), "axes": along[plane]}) for plane in range(PLANES)]
        looks = (turned[0], turned[1], looks[2], looks[3], turned[4], turned[5])
    return Backdrop(
        kind,
        heading,
        bounds.astype(np.float32),
        looks,
        _sky(random) if kind == OPEN else np.zeros((3, 3), np.float32),
        _paint(random) if kind == PAINTED else np.zeros((_SHAPES, 12), np.float32),
        float(random.random()),
    )


def _sky(random: Generator) -> NDArray[np.float32]:
    overcast = random.random() < 0.4
    blue = np.array([0.20, 0.42, 0.85]) * random.uniform(0.3, 1.1)
    grey = np.full(3, random.uniform(0.3, 1.0))
    horizon = np.array([0.75, 0.8, 0.85]) * random.uniform(0.4, 1.2)
    if random.random() < 0.2:
        horizon = horizon * [1.1, 0.75, 0.5]
    hills = random_color(random, 0.5) * 0.4
    return np.array([horizon, grey if overcast else blue, hills], np.float32)


def _paint(random: Generator) -> NDArray[np.float32]:
    """Rows of (x, y, half width, half height, cosine, sine, roundness, shade, r, g, b, blend);
    the first row is the ground colour's, with a gradient along (cosine, sine)."""
    rows = np.zeros((_SHAPES, 12), np.float32)
    shown = int(random.integers(0, _SHAPES)) if random.random() < 0.8 else 0
    for row in range(_SHAPES):
        angle = random.uniform(0, np.pi) if random.random() < 0.5 else 0.0
        size = np.exp(random.uniform(np.log(0.015), np.log(0.6), size=2))
        rows[row] = [*random.uniform(-0.1, 1.1, size=2), *size, np.cos(angle), np.sin(angle),
                     pick(random, (2.0, 8.0)), random.normal() * 0.5, *random_color(random),
                     float(row <= shown) * random.uniform(0.6, 1)]  # fmt: skip
    return rows
