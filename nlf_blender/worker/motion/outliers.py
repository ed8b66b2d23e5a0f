# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds single wild frames and puts what lies between their neighbours in their place.

As Hampel's filter (Hampel, The influence curve and its role in robust estimation, 1974; Pearson
1999) compares a sample with the median around it, each turn is compared with predictions from both
sides. A value is wild if it disagrees with all of them, far more than values do around it: beside a
wild frame, the predictions that reach over it still hold.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import median_filter

from .motion import Float64Array, PersonMotion
from .segments import shots_of
from .turns import angle_between, in_between

REACHES = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1))  # frames before and after
TIMES_USUAL = 6.0  # so many times the usual disagreement is wild
USUAL_OVER = 21  # frames
LEAST_TURN, LEAST_PLACE = 0.35, 0.15  # radians, metres: less is never wild
LONGEST_RUN = 2  # frames: more of them in a row are not single ones


def reject_outliers(motion: PersonMotion) -> PersonMotion:
    """The motion with wild turns and places replaced by what is between the nearest others, and
    with a standard deviation that says so. Cuts are never looked across."""
    rotations, root = motion.rotations.copy(), motion.root.copy()
    turn_sigma, place_sigma = motion.turn_sigma.copy(), motion.place_sigma.copy()
    for shot in shots_of(motion):
        time, turns, places = motion.time[shot], motion.rotations[shot], motion.root[shot]
        if len(time) < 3:
            continue
        apart = _disagreement(time, turns)
        wild = _wild(apart, LEAST_TURN)
        for joint in np.flatnonzero(wild.any(axis=0)):
            bad = wild[:, joint]
            rotations[shot, joint] = _turns_between(time, turns[:, joint], bad)
            sigma = turn_sigma[shot, joint]
            sigma[bad] = np.hypot(sigma, apart[:, joint])[bad]
        moved = _disagreement(time, places[:, None])
        bad = _wild(moved, LEAST_PLACE)[:, 0]
        if bad.any():
            good = ~bad
            for axis in range(3):
                root[shot, axis] = np.interp(time, time[good], places[good, axis])
            place_sigma[shot] = np.where(
                bad, np.hypot(place_sigma[shot], moved[:, 0]), place_sigma[shot]
            )
    return replace(
        motion, rotations=rotations, root=root, turn_sigma=turn_sigma, place_sigma=place_sigma
    )


def _disagreement(time: Float64Array, values: Float64Array) -> Float64Array:
    """How far [T,J] values, rotations [T,J,3,3] or places [T,J,3], are from the nearest of the
    predictions from both sides, or from the next two on one; 0 in the first and last frame."""
    count = len(time)
    least = np.full(values.shape[:2], np.inf)
    for before, after in REACHES:
        here = np.arange(before, count - after)
        if not len(here):
            continue
        first, second = values[here - before], values[here + after]
        span = time[here + after] - time[here - before]
        share = ((time[here] - time[here - before]) / span)[:, None]
        if values.ndim == 4:
            between = in_between(first, second, np.broadcast_to(share, first.shape[:2]))
        else:
            between = first + (second - first) * share[..., None]
        least[here] = np.minimum(least[here], _apart(between, values[here]))
    # a change that lasts agrees with one side
    near, far = _apart(values[1:], values[:-1]), _apart(values[2:], values[:-2])
    least[:-2] = np.minimum(least[:-2], np.maximum(near[:-1], far))
    least[2:] = np.minimum(least[2:], np.maximum(near[1:], far))
    return np.where(np.isfinite(least), least, 0.0)


def _apart(first: Float64Array, second: Float64Array) -> Float64Array:
    """How far rotations [T,J,3,3] or places [T,J,3] are from others: [T,J]."""
    if first.ndim == 4:
        return angle_between(first, second)
    return np.linalg.norm(first - second, axis=-1)


def _wild(apart: Float64Array, least: float) -> np.ndarray:
    """Which values [T,J] are wild, in runs that are short."""
    usual = median_filter(apart, (min(USUAL_OVER, len(apart)), 1), mode="nearest")
    wild = apart > np.maximum(TIMES_USUAL * usual, least)
    # of a longer run nobody knows which side is right
    inside = np.pad(wild, ((LONGEST_RUN, LONGEST_RUN), (0, 0)))
    count = len(wild)
    windows = [inside[start : start + count] for start in range(2 * LONGEST_RUN + 1)]
    long = np.zeros_like(wild)
    for start in range(LONGEST_RUN + 1):
        long |= np.logical_and.reduce(windows[start : start + LONGEST_RUN + 1])
    wild &= ~long
    wild[[0, -1]] = False
    return wild


def _turns_between(time: Float64Array, turns: Float64Array, bad: np.ndarray) -> Float64Array:
    """Rotations [T,3,3] with the bad ones [T] replaced; the first and last are good."""
    good, wanted = np.flatnonzero(~bad), np.flatnonzero(bad)
    after = np.searchsorted(good, wanted)
    left, right = good[after - 1], good[after]
    share = (time[wanted] - time[left]) / (time[right] - time[left])
    result = turns.copy()
    result[wanted] = in_between(turns[left], turns[right], share)
    return result
