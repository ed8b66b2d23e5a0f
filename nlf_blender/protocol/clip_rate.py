# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate that a clip is meant to have, out of the times of its frames."""

from __future__ import annotations

import numpy as np

from ..body.arrays import Float64Array, FloatArray
from .clip_clock import rounding

STANDARD_RATES = (24, 25, 30, 48, 50, 60, 100, 120, 240)  # whole, and most over 1.001 too
NTSC = 1.001
SAME_RATE = 1e-4  # relative; 30 and 29.97 differ by ten times that
NEAR_RATE = 0.1  # relative; a mean rate is this far off where frames were dropped
EVEN_SHARE = 0.9  # of the frames that must lie on a rate's grid, if it is to be the clip's


def exact_rate(fps: float) -> float:
    """The rate that is meant: a whole one, or one over 1.001, if it is that near; else itself."""
    for base in (1.0, NTSC):
        whole = round(fps * base)
        if whole and abs(fps * base - whole) < SAME_RATE * whole:
            return whole / base
    return fps


def scene_rate(fps: float) -> tuple[int, float]:
    """A rate as Blender has it: fps, from 1 up, and fps_base (29.97 is 30 over 1.001)."""
    whole = max(1, round(fps))
    return whole, whole / fps


def clip_rate(fps: float | None, times: FloatArray, step: int = 1) -> float:
    """The rate of a clip with these frame times [T], every step-th; fps: its mean, if known.

    The mean of a clip with dropped or doubled frames is no rate that anybody works at: a standard
    one near it, or near the usual one, is taken if nearly all frames lie on its grid.
    """
    moments: Float64Array = np.asarray(times, dtype=np.float64)
    usual = float(step / np.median(np.diff(moments))) if len(moments) > 1 else 24.0
    mean = exact_rate(fps or usual)
    candidates = [r / base for r in STANDARD_RATES for base in (1.0, NTSC)]
    for rate in (mean, exact_rate(usual)):
        for other in sorted([rate, *candidates], key=lambda r: abs(r - rate)):
            if abs(other - rate) > NEAR_RATE * rate:
                break
            frames: Float64Array = (moments - moments[0]) * other
            off: Float64Array = np.abs(frames - np.rint(frames))
            if np.mean(off <= rounding(other)) >= EVEN_SHARE:
                return other
    return mean
