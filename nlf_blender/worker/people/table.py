# SPDX-License-Identifier: GPL-3.0-or-later
"""Sightings as a table by tracklet, with what the linker asks of each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .appearance import appearance_distance
from .overlap import overlaps
from .sightings import Float64Array, Int64Array, Sightings

# Boxes that overlap more, about bodies whose joints lie closer, are of the same person.
SAME_BOX = 0.6
SAME_POSE_M = 0.1
ENCOUNTER = 0.2  # overlap of boxes from which a follower may take one person for the other


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
class _Pairs:
    """K pairs of sightings of one frame whose boxes overlap: indices into the table."""

    first: Int64Array
    second: Int64Array
    overlap: Float64Array


def table(sightings: Sightings, cuts: NDArray[np.int64]) -> Table:
    """The sightings that the follower made, less those of a body that another tracklet follows."""
    found = np.flatnonzero(~sightings.extra)
    found = found[np.lexsort((sightings.frame[found], sightings.tracklet[found]))]
    whole = _table(sightings, found, cuts)
    double = _duplicates(whole, _pairs(whole))
    if double.any():
        whole = _table(sightings, found[~double], cuts)
    pairs = _pairs(whole)
    np.maximum.at(whole.crowd, pairs.first, pairs.overlap)
    np.maximum.at(whole.crowd, pairs.second, pairs.overlap)
    return whole


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


def _pairs(whole: Table) -> _Pairs:
    """Sightings of one frame whose boxes overlap by at least ENCOUNTER."""
    by_frame = np.lexsort((np.arange(len(whole)), whole.order))
    order, box = whole.order[by_frame], whole.sightings.box[whole.row][by_frame]
    parts: list[_Pairs] = []
    for distance in range(1, int(np.bincount(order, minlength=1).max())):
        near = np.flatnonzero(order[distance:] == order[:-distance])
        shared = overlaps(box[near], box[near + distance])
        near, shared = near[shared >= ENCOUNTER], shared[shared >= ENCOUNTER]
        parts.append(_Pairs(by_frame[near], by_frame[near + distance], shared))
    if not parts:
        return _Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return _Pairs(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.overlap for part in parts]),
    )


def _duplicates(whole: Table, pairs: _Pairs) -> NDArray[np.bool_]:
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
        own = np.searchsorted(tracklet, tracklet[rows[0]] + np.arange(2))  # it is in order
        elsewhere = np.setdiff1d(np.arange(*own), rows)
        unlike = 1.0
        if len(elsewhere):
            unlike = float(appearance_distance(looks[elsewhere].mean(axis=0), shown))
        doubts.append((round(unlike, 1), -float(score[rows].mean())))
    return second if doubts[1] >= doubts[0] else first
