# SPDX-License-Identifier: GPL-3.0-or-later
"""What a surface's way into another space means for its joints and for what has no counterpart."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial.distance import cdist

from ....body.arrays import Float64Array
from ..vertex_subset import vertex_areas
from .own_canonical import OwnCanonical

LEAST_CONFIDENCE = 0.5  # of a vertex's counterpart; others follow their neighbours
NEIGHBOURS = 32  # vertices with a counterpart that say where one without goes
# A joint follows the skin around it, weighted by a Gaussian this many times as wide as the nearest
# skin is far: about the whole ring of a limb, and both sides of the trunk.
RING_WIDTH = 3.0
NEAREST = 20  # vertices whose mean distance is how far the nearest skin is


def carried_points(
    own: OwnCanonical, positions: Float64Array, confidence: Float64Array
) -> Float64Array:
    """Points [V+J,3] of a body whose vertices go to positions [V,3], made symmetric.

    Vertices below LEAST_CONFIDENCE move as their confident neighbours do, joints as the skin around
    them: bodies define joints differently, so that those of the other body are no evidence.
    """
    moves = positions - own.vertices
    known = confidence >= LEAST_CONFIDENCE
    if not known.all():
        # interpolation in x, y, z of what neighbours do, linear in the distance from them
        count = min(NEIGHBOURS, int(known.sum()))
        field = RBFInterpolator(
            own.vertices[known], moves[known], neighbors=count, kernel="linear", degree=0
        )
        moves[~known] = field(own.vertices[~known])
    joints = own.joints + joint_moves(own, moves)
    return own.symmetrized(np.concatenate([own.vertices + moves, joints]))


def joint_moves(own: OwnCanonical, moves: Float64Array) -> Float64Array:
    """How joints [J,3] move with vertices that move by [V,3]."""
    distances = cdist(own.joints, own.vertices)
    count = min(NEAREST, len(own.vertices))
    nearest = np.partition(distances, count - 1, axis=1)[:, :count].mean(axis=1, keepdims=True)
    weights = np.exp(-((distances / (RING_WIDTH * nearest)) ** 2)) * vertex_areas(own.body)
    return weights @ moves / weights.sum(axis=1, keepdims=True)
