# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that end within the person, as portraits do.

The picture is made smaller before the crop is taken from it, so that the crop, the camera and what
counts as pictured are those of a photo with these borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array


@dataclass(frozen=True)
class TruncationSettings:
    """share: of crops that are cut. Of those, each side of the picture cuts with its own chance
    and at most so deep into the person's box, as a share of its height or width; most photos that
    cut people do it below."""

    share: float = 0.3
    below_share: float = 0.7
    deepest_below: float = 0.6
    aside_share: float = 0.25
    deepest_aside: float = 0.35
    above_share: float = 0.2
    deepest_above: float = 0.2

    @classmethod
    def off(cls) -> TruncationSettings:
        """No variation."""
        return cls(share=0.0)


@dataclass(frozen=True)
class Cut:
    """What is kept of a picture: pixels left <= x < right, top <= y < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def origin(self) -> Float64Array:
        """The pixel [2] that becomes (0,0)."""
        return np.array([self.left, self.top], dtype=np.float64)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


def draw_cut(
    random: Generator, settings: TruncationSettings, size: tuple[int, int], box: Float64Array
) -> Cut:
    """The part of a picture (width, height) that is kept, about a person's box [4] (left, top,
    width, height); all of it, if it is not cut or less than a pixel of it would stay. As many
    numbers are drawn whatever the settings."""
    chosen, left_chance, above, right_chance, below = random.random(5)
    depths = random.random(4)
    shares = (
        (left_chance, settings.aside_share, settings.deepest_aside),
        (above, settings.above_share, settings.deepest_above),
        (right_chance, settings.aside_share, settings.deepest_aside),
        (below, settings.below_share, settings.deepest_below),
    )
    left, top, width, height = box
    lengths = (width, height, width, height)
    into = [
        depth * deepest * length if chance < share else -np.inf
        for depth, (chance, share, deepest), length in zip(depths, shares, lengths, strict=True)
    ]
    whole = Cut(0, 0, *size)
    if chosen >= settings.share:
        return whole
    first = np.maximum(np.ceil([left + into[0], top + into[1]]), 0.0)
    last = np.minimum(np.floor([left + width - into[2], top + height - into[3]]), size)
    if (last - first < 1).any():
        return whole
    return Cut(int(first[0]), int(first[1]), int(last[0]), int(last[1]))


def clipped_box(box: Float64Array, cut: Cut) -> Float64Array:
    """What of a box [4] lies in the kept part, in its pixels; a detector sees no more of it."""
    first = np.maximum(box[:2], cut.origin - 0.5)
    last = np.minimum(box[:2] + box[2:], cut.origin + cut.size - 0.5)
    if (last <= first).any():
        return np.concatenate([box[:2] - cut.origin, box[2:]])
    return np.concatenate([first - cut.origin, last - first])
