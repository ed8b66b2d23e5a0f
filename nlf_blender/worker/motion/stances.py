# SPDX-License-Identifier: GPL-3.0-or-later
"""Where feet stood: every contact of heel or toes as one place.

That is what a floor can be laid through. Single frames could not tell: in noise the lowest point is
too low, and of twenty frames in which a foot stands all may be wrong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .contacts import standing
from .foot_points import POINTS
from .motion import Float64Array
from .segments import runs_of
from .smoother import LEAST_SAMPLES, Smoother
from .smoothing import smooth_places

CUTOFF_HZ = 3.5  # feet are smoothed before anybody asks whether they stand
PLACE_SIGMA = 0.025  # metres; of the height of a place where a foot stood
# What a metre of uncertainty adds to it: most is distance, which hardly lifts a foot, and a place
# is the middle of several frames.
UNCERTAIN = 0.25


@dataclass(frozen=True, eq=False)
class Stances:
    """m places where feet stood. points [m,3]; sigma [m]: metres; share [m]: of one observation,
    that each of them is; point [m]: which of POINTS."""

    points: Float64Array
    sigma: Float64Array
    share: Float64Array
    point: NDArray[np.int64]


def smooth_feet(feet: Float64Array, time: Float64Array) -> Float64Array:
    """Sole points [n,4,3] in axes that stand still, smoothed over times [n]."""
    smoother = Smoother(time)
    if smoother.count < LEAST_SAMPLES:
        return feet
    smooth, weights = feet.copy(), np.ones(len(time))
    for point in range(feet.shape[1]):
        for axis in range(3):  # noise in depth is another than across
            values = feet[:, point, axis, None]
            smooth[:, point, axis, None] = smooth_places(smoother, values, weights, CUTOFF_HZ)
    return smooth


def stances_of(
    feet: Float64Array, time: Float64Array, sigma: Float64Array, eyes: Float64Array
) -> Stances:
    """Where smooth feet [n,4,3] of one person stood in a world whose z is up, whatever its floor.

    time, sigma [n]; eyes [n,3]: where the camera was. Of somebody who never stood, every frame's
    lowest point counts, all together as one place.
    """
    places: list[Float64Array] = []
    sigmas: list[float] = []
    point: list[int] = []
    if len(time) > 1:
        stands = standing(feet, time, sigma, np.ones(len(time), bool), None, eyes)
        for number in range(len(POINTS)):
            for first, last in runs_of(stands[:, number]):
                places.append(np.median(feet[first : last + 1, number], axis=0))
                sigmas.append(float(np.median(sigma[first : last + 1])))
                point.append(number)
    share = np.ones(len(places))
    if not places:
        lowest = feet[..., 2].argmin(axis=1)
        places, sigmas = list(feet[np.arange(len(feet)), lowest]), sigma.tolist()
        point, share = lowest.tolist(), np.full(len(feet), 1 / len(feet))
    spread = np.hypot(PLACE_SIGMA, UNCERTAIN * np.array(sigmas).clip(0.0, 1.0))
    return Stances(np.array(places), spread, share, np.array(point))


def joined(stances: Sequence[Stances]) -> Stances:
    """The places of several people."""
    names = ("points", "sigma", "share", "point")
    return Stances(*(np.concatenate([getattr(one, name) for one in stances]) for name in names))
