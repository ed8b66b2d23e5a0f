# SPDX-License-Identifier: GPL-3.0-or-later
"""Small rotations of the body's joints: about an axis, at random, from one direction to another."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array
from ....body.rotations import matrix_from_rotvec

_NEXT = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}
_NO_TURN = 1e-9


def turn(axis: str, degrees: float) -> Float64Array:
    """Rotation [3,3] about x, y or z."""
    angle = np.deg2rad(degrees)
    first, second = _NEXT[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first] = np.sin(angle)
    matrix[first, second] = -matrix[second, first]
    return matrix


def jitter(random: Generator, degrees: float, count: int) -> Float64Array:
    """Random rotations [count,3,3], `degrees` about each axis at one standard deviation."""
    return matrix_from_rotvec(np.deg2rad(random.normal(0.0, degrees, (count, 3))))


def unit(vector: Float64Array) -> Float64Array:
    """The vector [3] at length 1; a vector without length stays."""
    return vector / max(math.sqrt(vector @ vector), _NO_TURN)


def cross(first: Float64Array, second: Float64Array) -> Float64Array:
    """The cross product of vectors [3]; numpy's takes 20 times as long for two of them."""
    a, b, c = first.tolist()
    x, y, z = second.tolist()
    return np.array([b * z - c * y, c * x - a * z, a * y - b * x])


def turn_between(start: Float64Array, end: Float64Array) -> Float64Array:
    """The smallest rotation [3,3] that takes direction `start` to direction `end`."""
    start, end = unit(start), unit(end)
    axis = cross(start, end)
    sine, cosine = math.sqrt(axis @ axis), float(start @ end)
    if sine < _NO_TURN:
        return np.eye(3)
    return matrix_from_rotvec(axis / sine * np.arctan2(sine, cosine))


def frame(along: Float64Array, across: Float64Array) -> Float64Array:
    """Orthonormal columns [3,3]: `along`, `across` as far as it is at right angles, the third."""
    first = unit(along)
    second = unit(across - (across @ first) * first)
    return np.stack([first, second, cross(first, second)], axis=1)
