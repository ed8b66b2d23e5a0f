# SPDX-License-Identifier: GPL-3.0-or-later
"""Light at random: overcast days, sun, rooms with lamps, light from behind, dusk."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array
from .scene import Lighting
from .turns import unit

KINDS = ("overcast", "sun", "room", "behind", "dusk")
CHANCES = (0.2, 0.3, 0.32, 0.1, 0.08)
# Strength of the light from everywhere, of the first lamp, of the others; number of lamps.
STRENGTHS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float], int]] = {
    "overcast": ((0.45, 0.8), (0.05, 0.3), (0.0, 0.1), 1),
    "sun": ((0.15, 0.4), (0.5, 1.1), (0.0, 0.1), 1),
    "room": ((0.15, 0.5), (0.2, 0.7), (0.1, 0.4), 3),
    "behind": ((0.12, 0.35), (0.5, 1.2), (0.0, 0.2), 2),
    "dusk": ((0.04, 0.15), (0.1, 0.5), (0.0, 0.2), 2),
}
NO_SHADOW = 0.25


def draw_lighting(random: Generator, axes: Float64Array) -> Lighting:
    """Light of a scene. axes [3,3]: the camera's in the world, y up."""
    kind = str(random.choice(KINDS, p=CHANCES))
    everywhere, first, others, most = STRENGTHS[kind]
    tint = _tint(random, 0.06)
    sky = random.uniform(*everywhere) * tint * _tint(random, 0.04)
    ground = sky * random.uniform(0.2, 0.9) * _tint(random, 0.1)
    directions, colors = [], []
    for number in range(1 + int(random.integers(most))):
        direction = random.normal(size=3)
        direction[1] = abs(direction[1]) * 1.2 + 0.1  # from above
        if kind == "behind" and number == 0:
            direction = axes[2] * 1.5 + direction * 0.6
        directions.append(axes @ unit(direction))
        strength = random.uniform(*(first if number == 0 else others))
        colors.append(strength * (_tint(random, 0.1) if kind in ("room", "dusk") else tint))
    softness = -1.0 if random.random() < NO_SHADOW else float(random.uniform(0, 1))
    return Lighting(sky, ground, np.array(directions), np.array(colors), softness)


def _tint(random: Generator, spread: float) -> Float64Array:
    """RGB [3] about 1, warm or cold."""
    warmth = random.normal() * spread
    return np.array([1 + warmth, 1.0, 1 - warmth]) * (1 + random.normal(size=3) * spread / 3)
