# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracklets taken apart where they may have gone over to somebody else.

A follower can slide from one person to another where they cross. So tracklets are cut at every
encounter, jump and change of looks, into pieces of one person each; that costs little, for the
linker joins what belongs together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .appearance import PARTS, appearance_distance
from .overlap import overlaps
from .sightings import Float64Array, Int64Array, Sightings

# Boxes that overlap more, about bodies whose joints lie closer, are of the same person.
SAME_BOX = 0.6
SAME_POSE_M = 0.1
ENCOUNTER = 0.2  # overlap of boxes from which a follower may take one person for the other
FASTEST = 12.0  # metres per second
HEIGHT_M = 1.7  # what a box's height is about
LOOKS_CHANGED = 0.25
LOOKS_SECONDS = 0.4


@dataclass(frozen=True, eq=False)
class Table:
    """R sightings by tracklet, then frame. row [R]: in the Sightings; order [R]: which of the
    localized frames; shot [R]; crowd [R]: most overlap with another box of the frame; dt: seconds
    between frames; centre [R,3] of the joints; height [R] and middle [R,2] of the box, pixels."""

    sightings: Sightings
    row: Int64Array
    order: Int64Array
    shot: Int64Array
    crowd: Float64Array
    dt: float
    centre: Float64Array
    height: Float64Array
    middle: Float64Array

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, eq=False)
class Pairs:
    """K pairs of sightings of one frame whose boxes overlap: indices into Table."""

    first: Int64Array
    second: Int64Array
    overlap: Float64Array


def table(sightings: Sightings, cuts: NDArray[np.int64]) -> tuple[Table, Pairs]:
    """The sightings that the follower made, less those of a body that another tracklet follows,
    and their encounters."""
    found = np.flatnonzero(~sightings.extra)
    found = found[np.lexsort((sightings.frame[found], sightings.tracklet[found]))]
    whole = _table(sightings, found, cuts)
    double = _duplicates(whole, _pairs(whole))
    if double.any():
        whole = _table(sightings, found[~double], cuts)
    pairs = _pairs(whole)
    np.maximum.at(whole.crowd, pairs.first, pairs.overlap)
    np.maximum.at(whole.crowd, pairs.second, pairs.overlap)
    return whole, pairs


def _table(sightings: Sightings, rows: Int64Array, cuts: NDArray[np.int64]) -> Table:
    frames, first, order = np.unique(sightings.frame[rows], return_index=True, return_inverse=True)
    times = sightings.time[rows][first]
    steps = np.diff(times)
    box = sightings.box[rows]
    return Table(
        sightings,
        rows,
        order.astype(np.int64),
        np.searchsorted(cuts, sightings.frame[rows], side="right"),
        np.zeros(len(rows)),
        float(np.median(steps)) if len(frames) > 1 else 1.0,
        sightings.joints[rows].mean(axis=1),
        (box[:, 3] - box[:, 1]).clip(1.0),
        (box[:, :2] + box[:, 2:]) / 2,
    )


def _pairs(whole: Table) -> Pairs:
    """Sightings of one frame whose boxes overlap by at least ENCOUNTER."""
    by_frame = np.lexsort((np.arange(len(whole)), whole.order))
    order, box = whole.order[by_frame], whole.sightings.box[whole.row][by_frame]
    parts: list[Pairs] = []
    for distance in range(1, int(np.bincount(order, minlength=1).max())):
        near = np.flatnonzero(order[distance:] == order[:-distance])
        shared = overlaps(box[near], box[near + distance])
        near, shared = near[shared >= ENCOUNTER], shared[shared >= ENCOUNTER]
        parts.append(Pairs(by_frame[near], by_frame[near + distance], shared))
    if not parts:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Pairs(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.overlap for part in parts]),
    )


def _duplicates(whole: Table, pairs: Pairs) -> NDArray[np.bool_]:
    """Which sightings [R] show a body that another tracklet follows, and better."""
    double = np.zeros(len(whole), bool)
    close = pairs.overlap > SAME_BOX
    first, second = pairs.first[close], pairs.second[close]
    pose = whole.sightings.joints
    one = pose[whole.row[first]] - whole.centre[first][:, None]
    other = pose[whole.row[second]] - whole.centre[second][:, None]
    same = np.linalg.norm(one - other, axis=-1).mean(axis=-1) < SAME_POSE_M
    first, second = first[same], second[same]
    tracklet = whole.sightings.tracklet[whole.row]
    for one, other in np.unique(np.column_stack([tracklet[first], tracklet[second]]), axis=0):
        rows = (tracklet[first] == one) & (tracklet[second] == other)
        worse = _worse(whole, tracklet, first[rows], second[rows])
        double[worse] = True
    return double


def _worse(whole: Table, tracklet: Int64Array, first: Int64Array, second: Int64Array) -> Int64Array:
    """Of two tracklets' sightings of one body, those that belong to it less: of the tracklet that
    is nothing else, that elsewhere looks less like it, or whose sightings are less sure."""
    looks, score = whole.sightings.appearance[whole.row], whole.sightings.score[whole.row]
    shown = np.concatenate([looks[first], looks[second]]).mean(axis=0)
    doubts: list[tuple[float, float]] = []
    for rows in (first, second):
        elsewhere = np.setdiff1d(np.flatnonzero(tracklet == tracklet[rows[0]]), rows)
        unlike = 1.0
        if len(elsewhere):
            unlike = float(appearance_distance(looks[elsewhere].mean(axis=0), shown))
        doubts.append((round(unlike, 1), -float(score[rows].mean())))
    return second if doubts[1] >= doubts[0] else first


def pieces(whole: Table, pairs: Pairs) -> tuple[Int64Array, Int64Array]:
    """First and last sighting of each piece, indices [n] into the table, both included."""
    count = len(whole)
    tracklet = whole.sightings.tracklet[whole.row]
    begins = np.ones(count, bool)
    begins[1:] = (np.diff(tracklet) != 0) | (np.diff(whole.order) != 1) | (np.diff(whole.shot) != 0)
    run = np.cumsum(begins) - 1
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], count) - 1
    begins |= _jumps(whole, begins)
    begins |= _looks_change(whole, starts[run], ends[run])
    encounters = _encounters(whole, pairs, run)
    begins[encounters] = True
    starts = np.flatnonzero(begins)
    return starts, np.append(starts[1:], count) - 1


def _jumps(whole: Table, begins: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where [R] a box has moved further than anybody runs. (Points jump in depth by themselves.)"""
    jumps = np.zeros(len(whole), bool)
    seconds = np.diff(whole.sightings.time[whole.row]).clip(whole.dt)
    moved = np.linalg.norm(np.diff(whole.middle, axis=0), axis=1)
    height = np.minimum(whole.height[1:], whole.height[:-1])
    jumps[1:] = moved > height * (0.3 + seconds * FASTEST / HEIGHT_M)
    return jumps & ~begins


def _looks_change(whole: Table, start: Int64Array, end: Int64Array) -> NDArray[np.bool_]:
    """Where [R] somebody looks otherwise than before for a while; start, end [R]: of the run."""
    reach = max(3, round(LOOKS_SECONDS / whole.dt))
    looks = Looks(whole)
    here = np.arange(len(whole))
    enough = np.flatnonzero((here - start >= 3) & (end - here >= 2))
    change = np.zeros(len(whole))
    before = looks.mean(np.maximum(start[enough], enough - reach), enough - 1)
    after = looks.mean(enough, np.minimum(end[enough], enough + reach - 1))
    change[enough] = appearance_distance(before, after)
    peak = change > LOOKS_CHANGED
    for offset in range(1, reach + 1):
        same = start[offset:] == start[:-offset]
        peak[offset:] &= ~same | (change[offset:] > change[:-offset])
        peak[:-offset] &= ~same | (change[:-offset] >= change[offset:])
    return peak


class Looks:
    """Mean appearance over runs of the table, where parts count by how well they are seen and
    sightings by how free they are of others."""

    def __init__(self, whole: Table) -> None:
        values = np.asarray(whole.sightings.appearance[whole.row], np.float64)
        self.split = values.shape[1] - PARTS
        free = (1 - 1.5 * whole.crowd).clip(0.05, 1.0)
        seen = values[:, self.split :] * free[:, None]
        weighted = values[:, : self.split].reshape(len(whole), PARTS, -1) * seen[..., None]
        self.weighted = _sums(weighted.reshape(len(whole), -1))
        self.seen = _sums(seen)
        self.free = _sums(free[:, None])

    def mean(self, first: Int64Array, last: Int64Array) -> Float64Array:
        """Appearances [n,A] of the runs from `first` to `last`, both included."""
        seen = self.seen[last + 1] - self.seen[first]
        weighted = self.weighted[last + 1] - self.weighted[first]
        parts = weighted.reshape(len(first), PARTS, -1) / seen.clip(1e-9)[..., None]
        visible = seen / (self.free[last + 1] - self.free[first])
        return np.concatenate([parts.reshape(len(first), -1), visible], axis=1)

    def weight(self, first: Int64Array, last: Int64Array) -> Float64Array:
        """How many free sightings [n] the runs have."""
        return (self.free[last + 1] - self.free[first])[:, 0]


def _sums(values: Float64Array) -> Float64Array:
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])


def _encounters(whole: Table, pairs: Pairs, run: Int64Array) -> Int64Array:
    """Sightings at which two runs come closest each time that they meet, of both."""
    if not len(pairs.first):
        return np.zeros(0, np.int64)
    one, other = np.minimum(pairs.first, pairs.second), np.maximum(pairs.first, pairs.second)
    order = np.lexsort((whole.order[one], run[other], run[one]))
    one, other, shared = one[order], other[order], pairs.overlap[order]
    reach = max(2, round(LOOKS_SECONDS / whole.dt))
    new = np.ones(len(one), bool)
    new[1:] = (
        (np.diff(run[one]) != 0) | (np.diff(run[other]) != 0) | (np.diff(whole.order[one]) > reach)
    )
    meeting = np.cumsum(new) - 1
    closest = np.lexsort((-shared, meeting))
    closest = closest[np.unique(meeting[closest], return_index=True)[1]]
    return np.concatenate([one[closest], other[closest]])
