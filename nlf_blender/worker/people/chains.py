# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains of pieces as people: the sightings of encounters given to whom they show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .sightings import Float64Array, Int64Array
from .table import Table
from .tracklets import Pieces

SPACE_M, PICTURE = 0.25, 0.12  # what counts as far off, in metres and heights of the box


def chains(whole: Table, pieces: Pieces, following: Int64Array) -> list[Int64Array]:
    """The sightings of each person, indices into the table, one per frame in the order of frames.

    following [n]: the piece that goes on with the same person as each piece, or -1.
    """
    person = _persons(following)
    owner = np.full(len(whole), -1, np.int64)
    low, high, goes_on = pieces.low, pieces.high, pieces.goes_on
    for i in range(len(pieces)):
        owner[low[i] : high[i] + 1] = person[i]
    for i in np.flatnonzero(goes_on & (person != np.append(person[1:], -1))).tolist():
        aside = np.arange(pieces.last[i] + 1, pieces.first[i + 1])
        costs = [_off(whole, pieces, person == p, aside) for p in (person[i], person[i + 1])]
        owner[aside] = np.where(_before(*costs), person[i], person[i + 1])
    sure = np.zeros(len(whole), bool)
    for first, last in zip(pieces.first, pieces.last, strict=True):
        sure[first : last + 1] = True
    score = whole.sightings.score[whole.row]
    ranked = np.lexsort((-score, ~sure, whole.order, owner))
    begins = np.append(True, (np.diff(owner[ranked]) != 0) | (np.diff(whole.order[ranked]) != 0))
    ranked = ranked[begins]
    return np.split(ranked, np.flatnonzero(np.diff(owner[ranked])) + 1)


def _persons(following: Int64Array) -> Int64Array:
    """The number of the chain [n] that each piece is in."""
    person = np.full(len(following), -1, np.int64)
    heads = np.setdiff1d(np.arange(len(following)), following)
    for number, head in enumerate(heads.tolist()):
        piece = head
        while piece >= 0:
            person[piece] = number
            piece = int(following[piece])
    return person


def _off(whole: Table, pieces: Pieces, own: NDArray[np.bool_], aside: Int64Array) -> Float64Array:
    """How far off sightings are from the way [len(aside)] of somebody whose pieces are `own`."""
    known = np.concatenate(
        [
            np.arange(first, last + 1)
            for first, last in zip(pieces.first[own], pieces.last[own], strict=True)
        ]
    )
    known = known[np.argsort(whole.order[known], kind="stable")]
    time = whole.sightings.time[whole.row]

    def way(values: Float64Array) -> Float64Array:
        columns = [np.interp(time[aside], time[known], column) for column in values[known].T]
        return np.asarray(np.linalg.norm(np.stack(columns, -1) - values[aside], axis=1))

    return way(whole.centre) / SPACE_M + way(whole.middle) / whole.height[aside] / PICTURE


def _before(one: Float64Array, other: Float64Array) -> NDArray[np.bool_]:
    """Which sightings in a row are of the first of two people whom they are given to in turn, at
    the least cost [n] of both together."""
    totals = np.append(0.0, np.cumsum(one)) + (other.sum() - np.append(0.0, np.cumsum(other)))
    return np.arange(len(one)) < int(totals.argmin())
