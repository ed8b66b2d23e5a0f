# SPDX-License-Identifier: GPL-3.0-or-later
"""How a person's crop is varied in place: turn, size, shift, mirror image, field of view.

All but the last are changes of the virtual camera, whose picture stays what a camera at the same
place sees; the truth turns with it. The field of view is varied only where it is a guess, because
nothing but 2D truth depends on it there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.random import Generator

MOST_DEVIATIONS = 3.0  # of what is normally distributed


@dataclass(frozen=True)
class GeometrySettings:
    """Standard deviations and shares of crops; 0 switches off.

    roll_degrees: of the turn. unaligned_share: of aligned crops that are not turned to the person,
    as a detector fails. size: of the logarithm of the box's side. shift: of the middle, as a share
    of the box's side. close_share: of crops that show only a part, whose side is multiplied by
    `closest` to `least_close`. flip_share: of mirror images. field_of_view: of the logarithm of the
    tangent of half the assumed angle, where the camera is unknown.
    """

    roll_degrees: float = 8.0
    unaligned_share: float = 0.1
    size: float = 0.1
    shift: float = 0.03
    close_share: float = 0.1
    closest: float = 0.4
    least_close: float = 0.9
    flip_share: float = 0.5
    field_of_view: float = 0.15

    @classmethod
    def off(cls) -> GeometrySettings:
        """No variation."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, flip_share=0.0, field_of_view=0.0)


@dataclass(frozen=True)
class GeometryChange:
    """One crop's variation. roll: radians by which the box is turned clockwise, as seen. size:
    factor of the box's side. shift: of its middle along the box's own axes, as shares of its side.
    flip: whether the crop is mirrored. aligned: whether an aligned crop is turned to the person at
    all. focal: factor of an assumed focal length."""

    roll: float = 0.0
    size: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    flip: bool = False
    aligned: bool = True
    focal: float = 1.0


def draw_geometry(random: Generator, settings: GeometrySettings) -> GeometryChange:
    """A random variation. As many numbers are drawn whatever the settings."""
    roll, size, right, down, view = random.standard_normal(5).clip(
        -MOST_DEVIATIONS, MOST_DEVIATIONS
    )
    turned, close, nearness, flip = random.random(4)
    factor = math.exp(settings.size * size)
    if close < settings.close_share:
        factor *= settings.closest + (settings.least_close - settings.closest) * nearness
    return GeometryChange(
        roll=math.radians(settings.roll_degrees) * float(roll),
        size=float(factor),
        shift=(settings.shift * float(right), settings.shift * float(down)),
        flip=bool(flip < settings.flip_share),
        aligned=bool(turned >= settings.unaligned_share),
        focal=math.exp(settings.field_of_view * float(view)),
    )
