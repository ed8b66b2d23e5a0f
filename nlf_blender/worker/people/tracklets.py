# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracklets taken apart where they may have gone over to somebody else.

A follower can slide from one person to another where they cross. So tracklets are cut at every
jump and change of looks, and the sightings of every encounter are set aside. What is left are
pieces of one person each, which tell what that person looks like and how they move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .appearance import appearance_distance
from .looks import Looks
from .sightings import Int64Array
from .table import ENCOUNTER, Table

FASTEST = 12.0  # metres per second
HEIGHT_M = 1.7  # what a box's height is about
LOOKS_CHANGED = 0.3
LOOKS_SECONDS = 0.4
MARGIN = 2  # sightings before and after an encounter that are set aside too
SHORTEST = 3  # sightings of a piece, where its tracklet has longer ones


@dataclass(frozen=True, eq=False)
class Pieces:
    """n pieces in the order of the table, as indices into it: first and last [n] sighting; run
    [n]: which unbroken run they are of, and begin and end [n], its first and last sighting."""

    first: Int64Array
    last: Int64Array
    run: Int64Array
    begin: Int64Array
    end: Int64Array

    def __len__(self) -> int:
        return len(self.first)

    @property
    def low(self) -> Int64Array:
        """The first sighting [n] of a piece with those set aside before it."""
        return np.where(self._follows, np.append(0, self.last[:-1] + 1), self.begin)

    @property
    def high(self) -> Int64Array:
        """The last sighting [n] of a piece with those set aside after it."""
        return np.where(self.goes_on, np.append(self.first[1:] - 1, 0), self.end)

    @property
    def goes_on(self) -> NDArray[np.bool_]:
        """Whether [n] the next piece is of the same run."""
        return np.append(np.diff(self.run) == 0, False)

    @property
    def _follows(self) -> NDArray[np.bool_]:
        return np.append(False, np.diff(self.run) == 0)


def pieces(whole: Table) -> Pieces:
    """The pieces of a table that is not empty."""
    count = len(whole)
    run = np.cumsum(_breaks(whole)) - 1
    begin = np.flatnonzero(np.append(True, np.diff(run) != 0))
    end = np.append(begin[1:], count) - 1
    free = ~_near(whole.crowd >= ENCOUNTER, run)
    starts = free & np.append(True, ~free[:-1] | (np.diff(run) != 0))
    segment = np.cumsum(starts)
    starts |= _looks_change(whole, np.where(free, segment, -1))
    stops = free & np.append(~free[1:] | (np.diff(run) != 0) | starts[1:], True)
    first, last = np.flatnonzero(starts), np.flatnonzero(stops)
    longest = np.zeros(len(begin), np.int64)
    np.maximum.at(longest, run[first], last - first + 1)
    enough = last - first + 1 >= np.minimum(SHORTEST, longest[run[first]])
    bare = np.flatnonzero(longest == 0)  # runs that are one encounter: whole, for want of better
    first = np.concatenate([first[enough], begin[bare]])
    last = np.concatenate([last[enough], end[bare]])
    order = np.argsort(first)
    first, last = first[order], last[order]
    return Pieces(first, last, run[first], begin[run[first]], end[run[first]])


def _breaks(whole: Table) -> NDArray[np.bool_]:
    """Where [R] another run begins: another tracklet or shot, after missing sightings, or where a
    box has moved further than anybody runs. (In depth, points jump by themselves.)"""
    tracklet = whole.sightings.tracklet[whole.row]
    seconds = np.diff(whole.sightings.time[whole.row]).clip(whole.dt)
    moved = np.linalg.norm(np.diff(whole.middle, axis=0), axis=1)
    height = np.minimum(whole.height[1:], whole.height[:-1])
    return np.append(
        True,
        (np.diff(tracklet) != 0)
        | (np.diff(whole.order) != 1)
        | (np.diff(whole.shot) != 0)
        | (moved > height * (0.3 + seconds * FASTEST / HEIGHT_M)),
    )


def _near(crowded: NDArray[np.bool_], run: Int64Array) -> NDArray[np.bool_]:
    """Where [R] somebody else is close, or is so at most MARGIN sightings away in the run."""
    near = crowded.copy()
    for offset in range(1, MARGIN + 1):
        same = run[offset:] == run[:-offset]
        near[offset:] |= same & crowded[:-offset]
        near[:-offset] |= same & crowded[offset:]
    return near


def _looks_change(whole: Table, segment: Int64Array) -> NDArray[np.bool_]:
    """Where [R] somebody looks otherwise than before for a while, in a segment [R] (-1: none)."""
    reach = max(SHORTEST, round(LOOKS_SECONDS / whole.dt))
    starts = np.append(True, np.diff(segment) != 0)
    number = np.cumsum(starts) - 1
    start = np.flatnonzero(starts)
    end = (np.append(start[1:], len(segment)) - 1)[number]
    start = start[number]
    here = np.arange(len(whole))
    enough = np.flatnonzero(
        (segment >= 0) & (here - start >= SHORTEST) & (end - here >= SHORTEST - 1)
    )
    looks = Looks(whole)
    before = looks.mean(np.maximum(start[enough], enough - reach), enough - 1)
    after = looks.mean(enough, np.minimum(end[enough], enough + reach - 1))
    change = np.zeros(len(whole))
    change[enough] = appearance_distance(before, after)
    peak = change > LOOKS_CHANGED
    for offset in range(1, reach + 1):
        same = start[offset:] == start[:-offset]
        peak[offset:] &= ~same | (change[offset:] > change[:-offset])
        peak[:-offset] &= ~same | (change[:-offset] >= change[offset:])
    return peak
