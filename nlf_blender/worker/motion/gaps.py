# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills the frames in which a person was not seen between two in which they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...body.rotations import matrix_from_rotvec
from .motion import Float64Array, PersonMotion
from .turns import turn_between

# How fast what is filled in becomes doubtful with the time to the next sighting
TURN_DRIFT = 2.0  # radians per second
PLACE_DRIFT = 1.0  # metres per second
CARRY_SECONDS = 0.15  # a motion that breaks off goes on about as long as this
# Velocity at the edge of a gap is taken over this time: single frames are noisy
VELOCITY_SECONDS = 0.12


def fill_gaps(
    seen: PersonMotion, frames: np.ndarray, times: Float64Array, shots: np.ndarray
) -> PersonMotion:
    """The motion in all of the localized frames from the first sighting to the last.

    seen: of the sightings alone, in order; frames, times, shots [F]: of all localized frames. In a
    gap, place and turns follow cubic Hermite curves that leave the sightings at their velocity as
    far as a body would carry on, but nothing is moved over a cut: there the nearest sighting of the
    shot is held. Filled frames have no evidence, and a standard deviation that grows.
    """
    inside = slice(*np.searchsorted(frames, (seen.frame[0], seen.frame[-1] + 1)))
    frames, times, shots = frames[inside], times[inside], shots[inside]
    # the sighting before each frame, or in it, and the next one
    left = np.searchsorted(seen.frame, frames, side="right") - 1
    evidence = seen.frame[left] == frames
    if evidence.all():
        return replace(seen, shot=shots, evidence=evidence)
    right = np.minimum(left + 1, len(seen.frame) - 1)
    span = np.where(evidence, 1.0, seen.time[right] - seen.time[left])
    share = np.where(evidence, 0.0, (times - seen.time[left]) / span)
    cut = shots[np.searchsorted(frames, seen.frame[left])] != seen.shot[right]
    share = np.where(cut & ~evidence, (shots != seen.shot[left]).astype(float), share)
    drift = np.minimum(share, 1 - share) * span * ~evidence
    gap = np.flatnonzero(~evidence)
    sides = left[gap], right[gap]
    rotations, root = seen.rotations[left], seen.root[left]
    filled = _filled(seen, sides, share[gap], span[gap], cut[gap])
    rotations[gap], root[gap] = filled
    turn_sigma = np.maximum(seen.turn_sigma[left], seen.turn_sigma[right])
    place_sigma = np.maximum(seen.place_sigma[left], seen.place_sigma[right])
    turn_sigma[evidence] = seen.turn_sigma[left[evidence]]
    place_sigma[evidence] = seen.place_sigma[left[evidence]]
    return replace(
        seen,
        frame=frames,
        time=times,
        shot=shots,
        rotations=rotations,
        root=root,
        evidence=evidence,
        turn_sigma=np.hypot(turn_sigma, TURN_DRIFT * drift[:, None]),
        place_sigma=np.hypot(place_sigma, PLACE_DRIFT * drift),
    )


def _filled(
    seen: PersonMotion,
    sides: tuple[np.ndarray, np.ndarray],
    share: Float64Array,
    span: Float64Array,
    cut: np.ndarray,
) -> tuple[Float64Array, Float64Array]:
    """Rotations [G,J,3,3] and root [G,3] in G frames of gaps, a share [G] of the way between the
    sightings on both sides."""
    left, right = sides
    turn_speed, speed = _velocities(seen)
    carried = np.where(cut, 0.0, np.minimum(span, CARRY_SECONDS))
    way = turn_between(seen.rotations[left], seen.rotations[right])
    starts = turn_speed[0][left] * carried[:, None, None]
    # of the velocity at the far side, in axes that turned since (first order in the way)
    ends = turn_speed[1][right] * carried[:, None, None]
    ends = (matrix_from_rotvec(way / 2) @ ends[..., None])[..., 0]
    turned = _hermite(share[:, None, None], way, starts, ends)
    moved = _hermite(
        share[:, None],
        seen.root[right] - seen.root[left],
        speed[0][left] * carried[:, None],
        speed[1][right] * carried[:, None],
    )
    return seen.rotations[left] @ matrix_from_rotvec(turned), seen.root[left] + moved


def _hermite(
    share: Float64Array, way: Float64Array, start: Float64Array, end: Float64Array
) -> Float64Array:
    """A cubic from 0 to `way`, with these slopes at both ends."""
    square, cube = share**2, share**3
    return (
        (3 * square - 2 * cube) * way + (cube - 2 * square + share) * start + (cube - square) * end
    )


def _velocities(
    seen: PersonMotion,
) -> tuple[tuple[Float64Array, Float64Array], tuple[Float64Array, Float64Array]]:
    """Of turns [n,J,3] (each in its rotation's axes, radians per second) and of place [n,3] (metres
    per second): as a sighting is reached, and as it is left; 0 where nothing near tells."""
    count = len(seen.time)
    here = np.arange(count)
    before = np.searchsorted(seen.time, seen.time - VELOCITY_SECONDS - 1e-9)
    after = np.searchsorted(seen.time, seen.time + VELOCITY_SECONDS + 1e-9) - 1
    reached, left = [], []
    for other, into in ((before, reached), (after, left)):
        time = seen.time[other] - seen.time
        usable = (other != here) & (seen.shot[other] == seen.shot)
        rate = np.where(usable, 1.0 / np.where(time == 0, 1.0, time), 0.0)
        into.append(turn_between(seen.rotations, seen.rotations[other]) * rate[:, None, None])
        into.append((seen.root[other] - seen.root) * rate[:, None])
    # a gap is left at the velocity that was reached before it, and entered at the one after it
    return (reached[0], left[0]), (reached[1], left[1])
