# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the localizer looks for a person in a picture: as it would at run time, and varied.

Aligned crops are those of the people finder: a square about the hips that holds the circle about
the body, turned so that hips to shoulders point up. Upright crops are given by the box alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....body.arrays import Float64Array
from ...nlf.crops import Augmentation, CropSpec
from ...people.person import Frame
from .geometry import GeometryChange

# The circle about somebody goes so much beyond the farthest of BlazePose's landmarks, or of joints,
# which end farther inside. With the first, the finder's frames of the 354 of 400 rendered people
# whom it was sure of were 7 % smaller in the median, for which `people.person.BODY_CIRCLE` makes up
# (standard deviation 13 %), 2 to 4 % of the side off, and turned by 2 degrees (4).
BEYOND_LANDMARKS, BEYOND_JOINTS = 1.05, 1.1


@dataclass(frozen=True)
class Trunk:
    """hips, shoulders [2]: the middles of both, in pixels. reach: the radius of the circle about
    the hips that holds the person."""

    hips: Float64Array
    shoulders: Float64Array
    reach: float


def trunk_of(
    hips: Float64Array, shoulders: Float64Array, body: Float64Array, margin: float
) -> Trunk | None:
    """The trunk by both hips [2,2], both shoulders [2,2] and pixels [n,2] of the body, NaN where
    unknown; None if it is unknown. margin: how far the circle goes
    beyond the farthest pixel, as a factor."""
    middle, above = hips.mean(axis=0), shoulders.mean(axis=0)
    distances = np.linalg.norm(body - middle, axis=1)
    known = distances[np.isfinite(distances)]
    if not (np.isfinite([middle, above]).all() and len(known)):
        return None
    reach = margin * float(known.max())
    if reach <= 0 or np.allclose(middle, above):
        return None
    return Trunk(middle, above, reach)


def place_crop(
    box: Float64Array, trunk: Trunk | None, aligned: bool, change: GeometryChange
) -> tuple[CropSpec, Augmentation]:
    """What `crop_view` needs for a person of a box [4] (left, top, width, height)."""
    if aligned:
        frame = _aligned_frame(box, trunk if change.aligned else None)
        size, roll = np.full(2, frame.side), frame.roll
        middle = frame.center
    else:
        size, roll = box[2:], 0.0
        middle = box[:2] + box[2:] / 2
    turn = roll + change.roll
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    x, y = middle + np.asarray(change.shift) * size.max() @ axes
    spec = CropSpec((float(x), float(y)), (float(size[0]), float(size[1])), float(roll))
    return spec, Augmentation(roll=change.roll, scale=1 / change.size, flip=change.flip)


def _aligned_frame(box: Float64Array, trunk: Trunk | None) -> Frame:
    """The finder's frame of somebody whose landmarks it finds, else of the box."""
    if trunk is None:
        return Frame.of_box(np.concatenate([box[:2], box[:2] + box[2:]]))
    up = trunk.shoulders - trunk.hips
    return Frame.from_hips(trunk.hips, trunk.hips + up / np.linalg.norm(up) * trunk.reach)
