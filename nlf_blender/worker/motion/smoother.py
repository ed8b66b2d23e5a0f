# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth curves through uneven samples: penalized least squares with banded matrices.

Whittaker (On a new method of graduation, 1923) with third derivatives, as Eilers (A perfect
smoother, 2003): the curve z minimizes sum w (y - z)^2 + penalty * integral of z'''^2. On even
samples of weight 1 that is a filter of no lag, 1 / (1 + (f / cutoff)^6), a Butterworth filter of
third order run in both directions.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from .motion import Float64Array

ORDER = 3
LEAST_SAMPLES = ORDER + 2  # fewer tell nothing of noise
RIDGE = 1e-12  # of the matrix's diagonal, for numbers' sake


class Smoother:
    """Smooths samples at T times, which differ in weight and in how bent the curve may be."""

    def __init__(self, time: Float64Array) -> None:
        """time [T]: seconds, ascending."""
        steps = np.diff(time)
        self.count = len(time)
        self.step = float(np.median(steps)) if len(steps) else 1.0
        # in units of the usual step the matrix stays well scaled
        units = np.maximum(steps / self.step, 1e-3)
        place = np.concatenate([[0.0], np.cumsum(units)])
        around = np.concatenate([units[:1], (units[1:] + units[:-1]) / 2, units[-1:]])
        self.shares = around if self.count > 1 else np.ones(1)
        self._rows = _third_differences(place)
        self._spans = (place[ORDER:] - place[:-ORDER]) / ORDER

    def penalty(self, cutoff: float) -> float:
        """The penalty with which waves of `cutoff` Hz are halved."""
        return (2.0 * np.pi * cutoff * self.step) ** (-2 * ORDER)

    def smooth(
        self, values: Float64Array, weights: Float64Array, penalty: Float64Array
    ) -> Float64Array:
        """The curve [T,D] through values [T,D]; weights [T] about 1; penalty [T-3]: of each third
        derivative, between four neighbours."""
        weighted = weights * self.shares
        matrix = self._matrix(weighted, penalty)
        return solveh_banded(
            matrix, weighted[:, None] * values, overwrite_ab=True, check_finite=False, lower=True
        )

    def _matrix(self, weighted: Float64Array, penalty: Float64Array) -> Float64Array:
        """The normal equations' matrix in the lower banded form [4,T] that scipy wants."""
        banded = np.zeros((ORDER + 1, self.count))
        banded[0] = weighted + RIDGE * weighted.mean()
        scaled = self._rows * (penalty * self._spans)[:, None]
        for first in range(ORDER + 1):
            for second in range(first, ORDER + 1):
                stop = self.count - ORDER + first
                banded[second - first, first:stop] += scaled[:, first] * self._rows[:, second]
        return banded


def _third_differences(place: Float64Array) -> Float64Array:
    """Rows [T-3,4] that make third derivatives of four neighbours' values (divided differences)."""
    count = len(place) - ORDER
    if count < 1:
        return np.zeros((0, ORDER + 1))
    points = np.stack([place[i : i + count] for i in range(ORDER + 1)], axis=1)
    apart = points[:, :, None] - points[:, None, :]
    apart[:, range(ORDER + 1), range(ORDER + 1)] = 1.0
    return 6.0 / apart.prod(axis=2)
