# SPDX-License-Identifier: GPL-3.0-or-later
"""Sightings of people in footage, and the people that they make up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sightings:
    """R rows, one per person and frame, in any order.

    frame [R]: index into the source; time [R]: seconds; tracklet [R]: an unbroken run of the
    follower; box [R,4]: left, top, right, bottom in pixels; score [R]: 0..1; joints [R,J,3]:
    metres, in the camera's axes or in the world; uncertainty [R]: of the joints, metres;
    appearance [R,A]: as `appearance` gives it; extra [R]: whether the row is of a box that was
    drawn by hand: its tracklet is then a person of its own until an edit merges it.
    """

    frame: Int64Array
    time: Float64Array
    tracklet: Int64Array
    box: Float64Array
    score: Float64Array
    joints: Float64Array
    uncertainty: Float64Array
    appearance: Float64Array
    extra: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, eq=False)
class LinkedPerson:
    """One person through the footage. id: mostly their first tracklet's, see link.py; kept: whether
    the scene shall have them; rows [n]: indices of their sightings, one per frame, in the order of
    the frames."""

    id: int
    name: str
    kept: bool
    rows: Int64Array
