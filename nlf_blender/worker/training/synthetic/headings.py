# SPDX-License-Identifier: GPL-3.0-or-later
"""From where people are seen: at eye level mostly, from above and below, with the camera rolled.

Which side of the people is seen is left to chance altogether. Angles are degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array

# From above moderately, from far above, from below; else at eye level.
ABOVE, FAR_ABOVE, BELOW = 0.22, 0.06, 0.12
ROLLED, ANY_ROLL = 0.15, 0.04


@dataclass(frozen=True)
class View:
    """elevation: of the camera over the people's middle, 90 straight above. azimuth: about the
    vertical. roll: clockwise turn of the camera about its axis."""

    elevation: float
    azimuth: float
    roll: float


def draw_view(random: Generator) -> View:
    """A view from any side."""
    kind = random.random()
    if kind < ABOVE:
        elevation = random.uniform(12, 55)
    elif kind < ABOVE + FAR_ABOVE:
        elevation = random.uniform(55, 88)
    elif kind < ABOVE + FAR_ABOVE + BELOW:
        elevation = random.uniform(-40, -5)
    else:
        elevation = random.normal() * 7 + 4
    kind = random.random()
    if kind < ANY_ROLL:
        roll = random.uniform(-180, 180)
    else:
        roll = random.normal() * (18 if kind < ANY_ROLL + ROLLED else 2.5)
    return View(elevation, random.uniform(0, 360), roll)


def camera_axes(forward: Float64Array, roll: float) -> Float64Array:
    """Rows right, down, forward [3,3] of a camera that looks along the unit vector `forward`."""
    right = np.array([-forward[2], 0.0, forward[0]])
    length = np.hypot(right[0], right[2])
    right = right / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    down = np.cross(forward, right)
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return np.stack([cosine * right + sine * down, cosine * down - sine * right, forward])


def toward_camera(view: View) -> Float64Array:
    """Unit vector [3] of the world from the people to the camera."""
    elevation, azimuth = np.radians(view.elevation), np.radians(view.azimuth)
    level = np.cos(elevation)
    return np.array([level * np.sin(azimuth), np.sin(elevation), level * np.cos(azimuth)])
