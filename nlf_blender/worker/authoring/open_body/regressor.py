# SPDX-License-Identifier: GPL-3.0-or-later
"""The joint regressor: every joint as a weighted mean of nearby surface points."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from ....body.skeleton import SMPL_SKELETON
from .geometry import Array, farthest_points

REACH, REACH_OF_TRUNK, REACH_OF_EXTREMITIES = 0.2, 0.25, 0.1
TRUNK = ("Pelvis", "Spine1", "Spine2", "Spine3", "Neck")
EXTREMITIES = ("Ankle", "Foot", "Wrist", "Hand")
CANDIDATES = 600
FITTING_SAMPLES = 300
SMALLEST_WEIGHT = 1e-4
# Metres: how strongly weights are spread over vertices. A few vertices fit the samples as well as
# many, but localized vertices are noisy and many average the noise out.
SPREAD = 0.008
SUM_PULL = 100.0


def fit_regressor(vertices: Array, joints: Array, usable: Array, mirror: Array) -> Array:
    """J_regressor [24,V], rows non-negative and summing to 1, exactly mirrored.

    vertices [S,V,3] and joints [S,24,3]: symmetric samples; usable [V]: vertices that may take
    part (eyes and tongue may not).
    """
    step = max(1, len(vertices) // FITTING_SAMPLES)
    samples, targets = vertices[::step], joints[::step]
    mean, mean_joints = vertices.mean(0, dtype=np.float64), joints.mean(0)
    mirror_joints = SMPL_SKELETON.mirrored()
    regressor = np.zeros((len(mirror_joints), len(mean)))
    for joint, other in enumerate(mirror_joints):
        if other < joint:
            continue
        near = _candidates(mean, mean_joints[joint], usable, _reach(joint))
        if other == joint:
            near = np.unique(np.concatenate([near, mirror[near]]))
        regressor[joint, near] = _solve(samples[:, near] - targets[:, joint, None])
        if other == joint:
            regressor[joint] = (regressor[joint] + regressor[joint, mirror]) / 2
        else:
            regressor[other] = regressor[joint, mirror]
    return regressor


def _reach(joint: int) -> float:
    name = SMPL_SKELETON.joint_names[joint]
    if name.endswith(EXTREMITIES):
        return REACH_OF_EXTREMITIES
    return REACH_OF_TRUNK if name in TRUNK else REACH


def _candidates(mean: Array, joint: Array, usable: Array, reach: float) -> Array:
    """Indices of at most CANDIDATES usable vertices within reach [m], evenly spread."""
    near = np.flatnonzero(usable & (np.linalg.norm(mean - joint, axis=1) < reach))
    return near[farthest_points(mean[near], CANDIDATES)]


def _solve(offsets: Array) -> Array:
    """Weights [C] >= 0 summing to 1 that bring the mean of offsets [S,C,3] to zero."""
    count = offsets.shape[1]
    rows = offsets.astype(np.float64).transpose(0, 2, 1).reshape(-1, count) / np.sqrt(len(offsets))
    spread = SPREAD * np.eye(count)
    pull = np.full((1, count), SUM_PULL)
    target = np.concatenate([np.zeros(len(rows) + count), [SUM_PULL]])
    weights, _ = nnls(np.vstack([rows, spread, pull]), target, maxiter=20 * count)
    weights[weights < SMALLEST_WEIGHT] = 0
    return weights / weights.sum()


def joint_errors(regressor: Array, vertices: Array, joints: Array) -> Array:
    """Distances [S,24] in metres of regressed joints from the given ones."""
    regressed = np.einsum("jv,svc->sjc", regressor, vertices, optimize=True)
    return np.linalg.norm(regressed - joints, axis=-1)
