# SPDX-License-Identifier: GPL-3.0-or-later
"""A person found in a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..nlf.crops import CropSpec

Float64Array = NDArray[np.float64]
# A crop is the circle about the hips that holds the body, enlarged by a quarter.
CIRCLE_MARGIN = 1.25
BOX_MARGIN = 1.15  # of the square about a box in which nothing tells of hips
# Landmarks tell too small a circle where limbs are hidden: that of 354 rendered people of whom the
# finder was sure was 7 % below the body's in the median. The localizer was trained on the body's.
BODY_CIRCLE = 1.08


@dataclass(frozen=True)
class Frame:
    """A turned square in a picture: centre and side in pixels, roll in radians.

    With roll 0 the person's head is up in the picture; a positive roll is clockwise as seen.
    """

    center: Float64Array
    side: float
    roll: float

    @classmethod
    def from_hips(cls, hips: Float64Array, circle: Float64Array) -> Frame:
        """The frame about `hips` [2] whose circle passes above the head at `circle` [2]."""
        up = circle - hips
        radius = float(np.hypot(up[0], up[1]))
        return cls(np.asarray(hips, dtype=np.float64), 2 * radius * CIRCLE_MARGIN,
                   math.atan2(up[0], -up[1]))  # fmt: skip

    @classmethod
    def of_box(cls, box: Float64Array) -> Frame:
        """The upright frame about a box [4]."""
        side = max(float((box[2:] - box[:2]).max()), 1.0)
        return cls(box[:2] + (box[2:] - box[:2]) / 2, side * BOX_MARGIN, 0.0)

    @property
    def row(self) -> Float64Array:
        """As a take's rows have it (FOOTAGE_FIELDS, `crop`): [4]."""
        return np.array([*self.center, self.side, self.roll])

    @classmethod
    def from_row(cls, row: Float64Array) -> Frame:
        """What `row` gave."""
        return cls(np.asarray(row[:2], dtype=np.float64), float(row[2]), float(row[3]))

    @property
    def crop(self) -> CropSpec:
        """The turned square that the localizer's camera looks at: wider than the frame."""
        x, y = self.center
        return CropSpec.square((float(x), float(y)), BODY_CIRCLE * self.side, self.roll)

    def to_image(self, pixels: Float64Array, crop_side: int) -> Float64Array:
        """Pixels [...,2] of the frame, as the landmark network sees it -> pixels of the picture."""
        centred = (pixels - (crop_side - 1) / 2) * (self.side / crop_side)
        cosine, sine = math.cos(self.roll), math.sin(self.roll)
        turned = centred @ np.array([[cosine, sine], [-sine, cosine]])
        return turned + self.center


@dataclass(frozen=True)
class Person:
    """box: [4] left, top, right, bottom in pixels. score: 0..1. frame: what landmarks tell.

    keypoints: [33,3] BlazePose landmarks, x, y in pixels of the picture and visibility 0..1.
    """

    box: Float64Array
    score: float
    frame: Frame
    keypoints: Float64Array

    @property
    def crop(self) -> CropSpec:
        """The turned square that the localizer's camera looks at."""
        return self.frame.crop

    @property
    def area(self) -> float:
        """Square pixels of the box."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))
