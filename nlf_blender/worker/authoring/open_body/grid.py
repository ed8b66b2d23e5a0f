# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounding to binary grids: results that repeat, compress well and add up exactly in float32."""

from __future__ import annotations

import numpy as np

from ....body.skeleton import SMPL_SKELETON
from .geometry import Array

LENGTH_STEP = 2.0**-20  # about a micrometre
OFFSET_STEP = 2.0**-17  # posedirs, whose own error is far larger
WEIGHT_STEP = 2.0**-16
REGRESSOR_STEP = 2.0**-20


def rounded(values: Array, step: float) -> Array:
    """Values on the grid of this step; halves go to even, so signs do not matter."""
    return np.round(values / step) * step


def rounded_weights(weights: Array, mirror: Array) -> Array:
    """Skinning weights [V,J] on the grid, rows summing to exactly 1, exactly mirrored."""
    joints = np.array(SMPL_SKELETON.mirrored())
    both = (weights + weights[mirror][:, joints]) / 2
    result = rounded(both, WEIGHT_STEP)
    missing = 1 - result.sum(1)
    central = np.flatnonzero(joints == np.arange(len(joints)))
    for vertex in np.flatnonzero(missing):
        own_mirror = mirror[vertex] == vertex
        pool = central if own_mirror else np.arange(len(joints))
        if vertex <= mirror[vertex]:
            largest = pool[np.argmax(both[vertex, pool])]
            result[vertex, largest] += missing[vertex]
            if not own_mirror:
                result[mirror[vertex], joints[largest]] += missing[vertex]
    return result


def rounded_regressor(regressor: Array, mirror: Array) -> Array:
    """J_regressor [J,V] on the grid, rows summing to exactly 1, exactly mirrored."""
    result = rounded(regressor, REGRESSOR_STEP)
    for joint, other in enumerate(SMPL_SKELETON.mirrored()):
        if other < joint:
            continue
        largest = int(np.argmax(result[joint]))
        missing = 1 - result[joint].sum()
        if other == joint:
            result[joint, largest] += missing / 2
            result[joint, mirror[largest]] += missing / 2
        else:
            result[joint, largest] += missing
            result[other] = result[joint, mirror]
    return result
