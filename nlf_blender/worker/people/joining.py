# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pieces of tracklets follow on each other: the cheapest way to chain all of them.

The cost of two pieces in a row is about the negative logarithm of how likely one person made both:
where each leads, in space and in the picture, their poses and looks. Chains that together cost
least are a matching of ends with beginnings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from .appearance import UNKNOWN, appearance_distance
from .looks import Looks
from .sightings import Float64Array, Int64Array
from .table import Table
from .tracklets import Pieces

APART = 7.0  # the cost of taking two pieces for two people
FOLLOWED_ON = 3.0  # what it tells that the follower took them for one
APPEARANCE = 12.0  # per unit of distance
STRANGE, STRANGER = 0.4, 20.0  # from this distance on, so much more
FEW = 0.7  # with so few sightings, half of what they look like is chance
MOTION_SECONDS = 0.4  # that tell where a piece leads
LOOKS_SECONDS = 3.0
BRAKING_SECONDS = 0.5  # nobody keeps their speed for long
# Standard deviations: at once, and more per second of gap
SPACE_M = (0.25, 0.6)
PICTURE = (0.12, 0.35)  # heights of the box
SIZE = (0.15, 0.3)  # logarithm
POSE_M = (0.08, 0.4)
FAR = 4.0  # in standard deviations: no link


@dataclass(frozen=True, eq=False)
class _Ends:
    """One end of each of n pieces: where it is and how it moves, per second."""

    place: Float64Array
    speed: Float64Array
    middle: Float64Array
    flow: Float64Array


def successors(whole: Table, pieces: Pieces, gap_seconds: float) -> Int64Array:
    """For each piece the piece [n] that goes on with the same person, or -1."""
    one, other = _pairs(whole, pieces, gap_seconds)
    cost = _cost(whole, pieces, one, other)
    wanted = cost < APART
    return _matched(len(pieces), one[wanted], other[wanted], cost[wanted])


def _pairs(whole: Table, pieces: Pieces, gap_seconds: float) -> tuple[Int64Array, Int64Array]:
    """Pairs of pieces [m] of one shot, of which the second begins soon enough after the first;
    sightings that were set aside are no gap."""
    time = whole.sightings.time[whole.row]
    by_start = np.argsort(whole.order[pieces.first], kind="stable")
    starts = whole.order[pieces.first][by_start]
    low = np.searchsorted(starts, whole.order[pieces.last], side="right")
    limit = time[pieces.high] + max(gap_seconds, 1.5 * whole.dt) + 1e-9
    aside = float((time[pieces.first] - time[pieces.low]).max())
    high = np.searchsorted(time[pieces.first][by_start], limit + aside, side="right")
    counts = (high - low).clip(0)
    one = np.repeat(np.arange(len(pieces)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    other = by_start[np.repeat(low, counts) + within]
    soon = time[pieces.low[other]] <= limit[one]
    possible = soon & (whole.shot[pieces.first[one]] == whole.shot[pieces.first[other]])
    return one[possible], other[possible]


def _cost(whole: Table, pieces: Pieces, one: Int64Array, other: Int64Array) -> Float64Array:
    """The cost [m] of each pair; infinite where nobody can be in both."""
    sightings, first, last = whole.sightings, pieces.first, pieces.last
    time, end, start = sightings.time[whole.row], last[one], first[other]
    gap = time[start] - time[end]
    height = np.sqrt(whole.height[end] * whole.height[start])
    unsure = sightings.uncertainty[whole.row]
    leads, comes = _ends(whole, first, last, -1), _ends(whole, first, last, 1)
    drift = (BRAKING_SECONDS * (1 - np.exp(-gap / BRAKING_SECONDS)))[:, None]

    def missed(place: Float64Array, speed: Float64Array, at: Float64Array,
               back: Float64Array) -> Float64Array:  # fmt: skip
        """How far each end is from where the other leads, mean of both."""
        step = at[other] - place[one]
        ahead, behind = step - speed[one] * drift, step - back[other] * drift
        return np.asarray(
            (np.linalg.norm(ahead, axis=1) + np.linalg.norm(behind, axis=1)) / 2, np.float64
        )

    space = missed(leads.place, leads.speed, comes.place, comes.speed)
    space /= SPACE_M[0] + SPACE_M[1] * gap + unsure[end] + unsure[start]
    picture = missed(leads.middle, leads.flow, comes.middle, comes.flow) / height
    picture /= PICTURE[0] + PICTURE[1] * gap
    size = np.abs(np.log(whole.height[start] / whole.height[end])) / (SIZE[0] + SIZE[1] * gap)
    pose = _pose_change(whole, end, start) / (POSE_M[0] + POSE_M[1] * gap)
    terms = np.stack([space, picture, size, pose])
    unlike = _unlike(whole, first, last, one, other)
    likely = np.log1p(np.square(terms)).sum(axis=0) + APPEARANCE * unlike
    likely += STRANGER * (unlike - STRANGE).clip(0.0)
    # The longer nobody saw them, the wider they may have strayed, and the less it tells that they
    # are near: the normal distribution's factor. Sightings that were set aside are sightings.
    unseen = (time[pieces.low[other]] - time[pieces.high[one]]).clip(0.0)
    likely += np.log1p(SPACE_M[1] / SPACE_M[0] * unseen)
    likely += np.log1p(PICTURE[1] / PICTURE[0] * unseen)
    kept_on = pieces.goes_on[one] & (other == one + 1)
    likely -= np.where(kept_on, FOLLOWED_ON, 0.0)
    possible = kept_on | ((space < FAR) & (picture < FAR))
    return np.where(possible, likely, np.inf)


def _pose_change(whole: Table, end: Int64Array, start: Int64Array) -> Float64Array:
    """Mean distance [m] of the joints about their centre, metres."""
    joints = whole.sightings.joints
    one = joints[whole.row[end]] - whole.centre[end][:, None]
    other = joints[whole.row[start]] - whole.centre[start][:, None]
    return np.asarray(np.linalg.norm(one - other, axis=-1).mean(axis=-1), np.float64)


def _unlike(
    whole: Table, first: Int64Array, last: Int64Array, one: Int64Array, other: Int64Array
) -> Float64Array:
    """How unlike [m] the pieces look, near to where they meet; few sightings tell little."""
    looks = Looks(whole)
    reach = max(1, round(LOOKS_SECONDS / whole.dt))
    tail, head = np.maximum(first, last - reach + 1), np.minimum(last, first + reach - 1)
    distance = appearance_distance(looks.mean(tail, last)[one], looks.mean(first, head)[other])
    count = np.minimum(looks.weight(tail, last)[one], looks.weight(first, head)[other])
    trust = count / (count + FEW)
    return trust * distance + (1 - trust) * UNKNOWN


def _ends(whole: Table, first: Int64Array, last: Int64Array, side: int) -> _Ends:
    """The ends (side -1: the last sightings, 1: the first) by a line through some sightings, of
    which those near others count little."""
    count = int(np.clip(round(MOTION_SECONDS / whole.dt), 3, 30))
    offsets = np.arange(count)
    index = (last[:, None] - offsets) if side < 0 else (first[:, None] + offsets)
    inside = (index >= first[:, None]) & (index <= last[:, None])
    index = index.clip(first[:, None], last[:, None])
    anchor = last if side < 0 else first
    time = whole.sightings.time[whole.row]
    since = time[index] - time[anchor][:, None]
    weight = inside * (1 - 1.5 * whole.crowd[index]).clip(0.05, 1.0)
    place, speed = _lines(since, whole.centre[index], weight)
    middle, flow = _lines(since, whole.middle[index], weight)
    return _Ends(place, speed, middle, flow)


def _lines(
    since: Float64Array, values: Float64Array, weight: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Values [n,k,d] at times [n,k] as lines: their value at time 0 and slope, both [n,d]. The
    slope is held down where the times span little."""
    total = weight.sum(axis=1, keepdims=True)
    middle = (weight * since).sum(axis=1, keepdims=True) / total
    mean = np.einsum("nk,nkd->nd", weight, values) / total
    spread = (weight * np.square(since - middle)).sum(axis=1, keepdims=True)
    slope = np.einsum("nk,nkd->nd", weight * (since - middle), values)
    slope = slope / (spread + total * (MOTION_SECONDS / 10) ** 2)
    return mean - slope * middle, slope


def _matched(count: int, one: Int64Array, other: Int64Array, cost: Float64Array) -> Int64Array:
    """The partner [count] of each piece in the cheapest matching, or -1 for none."""
    # Every piece may stay alone, at the cost APART, beside its pairs; zero would mean no edge.
    alone = np.arange(count)
    shift = 1.0 - min(float(cost.min(initial=0.0)), 0.0)
    weights = np.concatenate([cost, np.full(count, APART)]) + shift
    rows = np.concatenate([one, alone])
    columns = np.concatenate([other, count + alone])
    edges = csr_matrix((weights, (rows, columns)), shape=(count, 2 * count))
    ends, partners = min_weight_full_bipartite_matching(edges)
    result = np.full(count, -1, np.int64)
    result[ends] = np.where(partners < count, partners, -1)
    return result
