# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooths a person's motion in both directions at once, so that nothing lags.

Each joint's turn and the root's place follow penalized least squares (smoother.py). A sample
counts by its uncertainty; how large noise is, is found from the motion itself. Where a curve
stays further from its samples, over several frames, than noise explains, the body really moved
that fast, and the curve may bend more there. A single sample that is far off counts less (Huber,
Robust estimation of a location parameter, 1964).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter

from .motion import Float64Array, PersonMotion
from .segments import shots_of
from .smoother import LEAST_SAMPLES, ORDER, Smoother
from .turns import angle_between, nearest_rotations

# What strengths 0 and 1 cut off, Hz; strength 0.5 is at 3.5. A walk has nearly all of its power
# below 6 Hz (Winter, Biomechanics and motor control of human movement).
WEAKEST_HZ, STRONGEST_HZ = 10.0, 1.2
ROUNDS = 4
WEIGHTS = (1e-6, 4.0)  # the least and the most that uncertainty makes a sample count
FAST = 2.0  # times the usual distance: more, over several frames, is motion
STILL_FAST = 5  # frames: a wild sample or two are no motion
STIFF = 1e-4  # the least share of the penalty that is left of it
FAR = 2.5  # times the usual distance from the curve, from which on a sample counts less
# The penalty that suits grows with the noise's variance, and the cut-off falls with its sixth root:
# distances are about eight times as noisy as places in the picture.
ALONG = 8.0 ** (1 / 3)
LEAST_TURN, LEAST_PLACE = 1e-4, 1e-5  # radians, metres: noise is never less


def cutoff_of(strength: float) -> float:
    """The frequency in Hz that a strength above 0, up to 1, halves."""
    return WEAKEST_HZ * (STRONGEST_HZ / WEAKEST_HZ) ** strength


def smooth_motion(
    motion: PersonMotion, strength: float, eyes: Float64Array | None = None
) -> PersonMotion:
    """The motion, smoothed by a strength of 0 (not at all) to 1; shots are never mixed. eyes [T,3]:
    where the camera is, from which distances are seen badly; None if the motion comes from none.
    """
    if strength <= 0:
        return motion
    rotations, root = motion.rotations.copy(), motion.root.copy()
    for shot in shots_of(motion):
        smoother = Smoother(motion.time[shot])
        if smoother.count < LEAST_SAMPLES:
            continue
        cutoff = cutoff_of(strength)
        for joint in range(rotations.shape[1]):
            weights = _weights(motion.turn_sigma[shot, joint], motion.evidence[shot])
            turns = motion.rotations[shot, joint]
            rotations[shot, joint] = smooth_turns(smoother, turns, weights, cutoff)
        weights = _weights(motion.place_sigma[shot], motion.evidence[shot])
        root[shot] = _by_axis(smoother, motion.root[shot], weights, cutoff)
        if eyes is not None:
            slow = _by_axis(smoother, motion.root[shot], weights, cutoff / ALONG)
            root[shot] += along(slow - root[shot], root[shot] - eyes[shot])
    return replace(motion, rotations=rotations, root=root)


def along(ways: Float64Array, rays: Float64Array) -> Float64Array:
    """What of ways [T,3] lies along rays [T,3] of any length."""
    units = rays / np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True), 1e-9)
    return np.sum(ways * units, axis=-1, keepdims=True) * units


def _by_axis(
    smoother: Smoother, places: Float64Array, weights: Float64Array, cutoff: float
) -> Float64Array:
    """Places [T,3] smoothed axis by axis: noise in depth is another than across."""
    columns = [smooth_places(smoother, places[:, [i]], weights, cutoff) for i in range(3)]
    return np.concatenate(columns, axis=1)


def smooth_turns(
    smoother: Smoother, rotations: Float64Array, weights: Float64Array, cutoff: float
) -> Float64Array:
    """Rotations [T,3,3] smoothed, by their matrices' entries: the nearest rotation to the mean is
    the chordal mean, and nothing has to be unwound."""
    entries = rotations.reshape(-1, 9)

    def residuals(curve: Float64Array) -> Float64Array:
        return angle_between(nearest_rotations(curve.reshape(-1, 3, 3), rotations), rotations)

    curve = _adaptive(smoother, entries, weights, cutoff, residuals, LEAST_TURN)
    return nearest_rotations(curve.reshape(-1, 3, 3), rotations)


def smooth_places(
    smoother: Smoother, values: Float64Array, weights: Float64Array, cutoff: float
) -> Float64Array:
    """Places [T,D] smoothed, in metres."""

    def residuals(curve: Float64Array) -> Float64Array:
        return np.linalg.norm(curve - values, axis=1)

    return _adaptive(smoother, values, weights, cutoff, residuals, LEAST_PLACE)


def _adaptive(
    smoother: Smoother,
    values: Float64Array,
    weights: Float64Array,
    cutoff: float,
    residuals: Callable[[Float64Array], Float64Array],
    least: float,
) -> Float64Array:
    """The curve [T,D] through values [T,D], bent and trusting as its residuals [T] suggest, of
    which none is thought to be less than `least`."""
    penalty = np.full(smoother.count - ORDER, smoother.penalty(cutoff))
    base, trust = penalty.copy(), weights
    curve = smoother.smooth(values, trust, penalty)
    counted = weights > WEIGHTS[0]
    if not counted.any():
        return curve
    believed = np.minimum(weights, 1.0)
    for _ in range(ROUNDS):
        distance = residuals(curve)
        usual = max(float(np.median(distance[counted])), least)
        lasting = median_filter(distance * believed, STILL_FAST, mode="nearest")
        fast = maximum_filter1d(np.maximum(lasting / (FAST * usual), 1.0), STILL_FAST)
        loose = fast**-ORDER
        # only ever looser: once a curve follows, its residuals tell no more that it had to
        penalty = np.maximum(penalty * np.minimum(loose[1:-2], loose[2:-1]), base * STIFF)
        far = FAR * np.maximum(usual, lasting)
        trust = weights * np.minimum(1.0, far / np.maximum(distance, least))
        curve = smoother.smooth(values, trust, penalty)
    return curve


def _weights(sigma: Float64Array, evidence: np.ndarray) -> Float64Array:
    """How much samples [T] count by their standard deviations [T]: 1 where that is as usual."""
    usual = np.median(sigma[evidence]) if evidence.any() else np.median(sigma)
    least, most = WEIGHTS
    return np.clip((usual / np.maximum(sigma, 1e-12)) ** 2, least, most)
