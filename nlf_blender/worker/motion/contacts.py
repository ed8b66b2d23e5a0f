# SPDX-License-Identifier: GPL-3.0-or-later
"""When heels and toes stand on something: a hidden Markov model of each, solved by Viterbi.

A point that stands is slow and low. Low means near the floor, or near the lowest point of both feet
at about that time: so feet also stand on stairs, and stand on a floor that nobody knows. How slow
and how low, depends on how well the motion is known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from ...body.body_data import BodyData
from .foot_points import foot_points, joint_frames
from .motion import Float64Array, PersonMotion
from .segments import runs_of, shots_of
from .smoother import LEAST_SAMPLES, Smoother
from .smoothing import along, smooth_places

SPEED_SECONDS = 0.1  # a speed is measured over this time
LOW_SECONDS = 0.3  # the lowest point is looked for within this time
STANDING_SPEED = 0.15  # metres per second, of a point that stands, as a fit sees it
MOVING_SPEED = 1.2  # of one that moves: a typical value
STANDING_HEIGHT = 0.025  # metres
MOVING_HEIGHT = 0.12
MOST_NOISE = 0.03  # metres; of a smoothed motion from frame to frame
ALONG_RAYS = 0.6  # what a metre along a camera's ray counts: distances are known badly
DISTANCE_HZ = 0.5  # people change their distance no faster, as far as a fit can tell
CHANGES_PER_SECOND = 3.0  # a step begins and ends
SHORTEST = 0.1  # seconds; a shorter contact is none
STAYS, TYPICALLY = 0.02, 1.5  # metres, or times the median: how far a standing point seems to move
BLIND = 0.2  # seconds without evidence after which nobody knows


def find_contacts(
    motion: PersonMotion,
    body: BodyData,
    floor: float | None = 0.0,
    eyes: Float64Array | None = None,
) -> NDArray[np.bool_]:
    """Whether left heel, left toes, right heel, right toes stand: bool [T,4].

    motion: in the world, z up, smoothed if it is noisy; floor: its height, metres, or None if
    nobody knows it; eyes [T,3]: where the camera is, None if the motion comes from none: what moves
    to or from a camera may only seem to. All False for a body whose feet nobody knows.
    """
    contacts = np.zeros((len(motion.frame), 4), dtype=bool)
    points = foot_points(body, motion.betas, motion.scale)
    if points is None:
        return contacts
    feet = points.places(*joint_frames(motion, body))
    for shot in shots_of(motion):
        if shot.stop - shot.start > 1:
            if eyes is not None:
                steady = steadied(feet[shot], motion.root[shot], motion.time[shot], eyes[shot])
                feet[shot] = steady
            seen_from = None if eyes is None else eyes[shot]
            sure = (motion.place_sigma[shot], motion.evidence[shot])
            contacts[shot] = standing(feet[shot], motion.time[shot], *sure, floor, seen_from)
    return contacts


def steadied(
    feet: Float64Array, root: Float64Array, time: Float64Array, eyes: Float64Array
) -> Float64Array:
    """Sole points [T,4,3] of a person whose distance from the camera at eyes [T,3] changes slowly.

    How far away a person is, is known badly, and wrong for all of the body alike; in the picture
    everything stays in its place. root [T,3]; time [T].
    """
    smoother = Smoother(time)
    if smoother.count < LEAST_SAMPLES:
        return feet
    slow = smooth_places(smoother, root, np.ones(len(time)), DISTANCE_HZ)
    way = root - eyes
    steady = way + along(slow - root, way)
    distance, length = (np.linalg.norm(w, axis=-1)[:, None, None] for w in (steady, way))
    return eyes[:, None] + distance / np.maximum(length, 1e-9) * (feet - eyes[:, None])


def standing(
    feet: Float64Array,
    time: Float64Array,
    sigma: Float64Array,
    evidence: NDArray[np.bool_],
    floor: float | None,
    eyes: Float64Array | None,
) -> NDArray[np.bool_]:
    """Which sole points [T,4,3] of a person at T times, two or more, stand: bool [T,4].

    sigma [T]: uncertainty of the person's place, metres; evidence [T]: whether the person was seen;
    floor and eyes [T,3] as for `find_contacts`.
    """
    rays = None if eyes is None else _rays(feet, eyes)
    step = float(np.median(np.diff(time)))
    speeds = point_speeds(feet, time, rays)
    heights = _heights(feet[..., 2], step, floor)
    # the more uncertain the places, the faster a standing point seems to move, and the higher
    noise = np.where(evidence, sigma, 0.0)
    noise = noise.clip(0.0, MOST_NOISE)[:, None]
    standing = np.hypot(STANDING_SPEED, noise / SPEED_SECONDS)
    low = np.hypot(STANDING_HEIGHT, noise)
    moving, high = np.maximum(MOVING_SPEED, 2 * standing), np.maximum(MOVING_HEIGHT, 2 * low)
    gain = _half_normal(speeds, standing) - _half_normal(speeds, moving)
    gain = gain + _half_normal(heights, low) - _half_normal(heights, high)
    blind = _blind(evidence, time)
    gain[blind] = -1e3
    stands = _viterbi(gain, np.append(np.diff(time), step))
    for point in range(stands.shape[1]):
        for first, last in runs_of(stands[:, point]):
            stands[first : last + 1, point] = False
            seen = None if rays is None else rays[first : last + 1, point]
            first, last = _trimmed(feet[first : last + 1, point], seen, first)
            if last > first and time[last] - time[first] + step >= SHORTEST:
                stands[first : last + 1, point] = True
    return stands


def _trimmed(places: Float64Array, rays: Float64Array | None, first: int) -> tuple[int, int]:
    """First and last frame of a contact that began at frame `first` with a point at places [n,3],
    seen on rays [n,3], less the frames at both ends in which it is not yet, or no longer, where it
    stood."""
    away = _lengths(places - np.median(places, axis=0), rays)
    there = np.flatnonzero(away <= max(STAYS, TYPICALLY * float(np.median(away))))
    return first + int(there[0]), first + int(there[-1])


def point_speeds(
    feet: Float64Array, time: Float64Array, rays: Float64Array | None = None
) -> Float64Array:
    """Speeds [T,4] of points [T,4,3] at times [T], over SPEED_SECONDS, metres per second; of points
    seen on rays [T,4,3], unit vectors, the speed along them counts little."""
    step = float(np.median(np.diff(time)))
    reach = max(1, round(SPEED_SECONDS / 2 / step))
    rows = np.arange(len(time))
    before, after = np.maximum(rows - reach, 0), np.minimum(rows + reach, len(time) - 1)
    way = _lengths(feet[after] - feet[before], rays)
    return way / (time[after] - time[before])[:, None]


def _rays(feet: Float64Array, eyes: Float64Array) -> Float64Array:
    """Unit vectors [T,4,3] from eyes [T,3] to feet [T,4,3]."""
    way = feet - eyes[:, None]
    return way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)


def _lengths(ways: Float64Array, rays: Float64Array | None) -> Float64Array:
    """Lengths [...] of ways [...,3]; what of them lies along rays [...,3] counts less."""
    if rays is not None:
        ways = ways - (1 - ALONG_RAYS) * np.sum(ways * rays, axis=-1, keepdims=True) * rays
    return np.linalg.norm(ways, axis=-1)


def _heights(z: Float64Array, step: float, floor: float | None) -> Float64Array:
    """Heights [T,4] over what a point may stand on, metres."""
    size = 2 * round(LOW_SECONDS / 2 / step) + 1
    lowest = minimum_filter1d(z.min(axis=1), size, mode="nearest")
    over_lowest = z - lowest[:, None]
    return over_lowest if floor is None else np.minimum(np.abs(z - floor), over_lowest)


def _half_normal(values: Float64Array, sigma: Float64Array) -> Float64Array:
    """Logarithm of the density of values that are at least 0, up to a constant."""
    return -0.5 * (values / sigma) ** 2 - np.log(sigma)


def _blind(evidence: NDArray[np.bool_], time: Float64Array) -> NDArray[np.bool_]:
    """Frames within a stretch without evidence that is long."""
    blind = np.zeros(len(evidence), dtype=bool)
    for first, last in runs_of(~evidence):
        blind[first : last + 1] = time[last] - time[first] > BLIND
    return blind


def _viterbi(gain: Float64Array, steps: Float64Array) -> NDArray[np.bool_]:
    """The likeliest states [T,4] of two; gain [T,4]: how much likelier standing is, logarithm;
    steps [T]: seconds to the next frame."""
    change = -np.log(np.expm1(CHANGES_PER_SECOND * steps))  # stay less change, logarithms
    change = np.maximum(change, 0.0)
    lead = gain[0]  # of standing over moving, along the best way to each
    from_standing = np.zeros((len(gain), gain.shape[1], 2), dtype=bool)
    for t in range(1, len(gain)):
        penalty = change[t - 1]
        from_standing[t, :, 0] = lead > penalty  # the best way to moving came from standing
        from_standing[t, :, 1] = lead > -penalty
        lead = gain[t] + np.clip(lead, -penalty, penalty)
    stands = np.zeros(gain.shape, dtype=bool)
    stands[-1] = lead > 0
    columns = np.arange(gain.shape[1])
    for t in range(len(gain) - 1, 0, -1):
        stands[t - 1] = from_standing[t, columns, stands[t].astype(np.int64)]
    return stands
