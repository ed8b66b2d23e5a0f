# SPDX-License-Identifier: GPL-3.0-or-later
"""Sticks, balls and grid lines as arrays, for pictures of skeletons and ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array

SIDES = 12  # of a stick's cross-section and of a ball's equator
RINGS = 7  # of a ball between its poles
LINE_WIDTH_METRES = 0.012
LINE_LIFT_METRES = 0.001  # over the ground, so that lines and ground do not flicker


@dataclass(frozen=True)
class Shape:
    """Vertices [V,3] in metres and triangles [F,3]."""

    vertices: Float64Array
    faces: NDArray[np.int32]


def joined(shapes: list[Shape]) -> Shape:
    """One shape of several."""
    starts = np.cumsum([0] + [len(shape.vertices) for shape in shapes[:-1]])
    faces = [shape.faces + start for shape, start in zip(shapes, starts, strict=True)]
    return Shape(
        np.concatenate([shape.vertices for shape in shapes]),
        np.concatenate(faces).astype(np.int32),
    )


def _tube(rings: list[Float64Array]) -> Shape:
    """A surface through rings of SIDES points each."""
    faces = []
    for ring in range(len(rings) - 1):
        for side in range(SIDES):
            here, there = ring * SIDES + side, ring * SIDES + (side + 1) % SIDES
            faces += [(here, there, there + SIDES), (here, there + SIDES, here + SIDES)]
    return Shape(np.concatenate(rings), np.array(faces, dtype=np.int32))


def _circle(along: Float64Array) -> Float64Array:
    """Unit vectors [SIDES,3] around a direction."""
    helper = np.eye(3)[int(np.argmin(np.abs(along)))]
    first = np.cross(along, helper)
    first /= np.linalg.norm(first)
    second = np.cross(along, first)
    angles = 2 * np.pi * np.arange(SIDES) / SIDES
    return np.cos(angles)[:, None] * first + np.sin(angles)[:, None] * second


def stick(start: Float64Array, end: Float64Array, radius: float) -> Shape:
    """An open cylinder from start to end, which must differ."""
    along = (end - start) / np.linalg.norm(end - start)
    offsets = radius * _circle(along)
    return _tube([start + offsets, end + offsets])


def ball(center: Float64Array, radius: float) -> Shape:
    """A sphere."""
    circle = _circle(np.array([0.0, 0.0, 1.0]))
    heights = np.linspace(-np.pi / 2, np.pi / 2, RINGS)
    up = np.array([0.0, 0.0, 1.0])
    return _tube([center + radius * (np.cos(h) * circle + np.sin(h) * up) for h in heights])


def rectangle(corner: Float64Array, across: Float64Array, along: Float64Array) -> Shape:
    """A flat rectangle between a corner and the corner beyond across and along."""
    vertices = np.array([corner, corner + across, corner + across + along, corner + along])
    return Shape(vertices, np.array([(0, 1, 2), (0, 2, 3)], dtype=np.int32))


def ground_lines(center: Float64Array, reach: float) -> Shape:
    """Lines a metre apart at the ground's whole metres, up to `reach` from the center [2]."""
    lines = []
    for axis in (0, 1):
        across, along = np.zeros(3), np.zeros(3)
        across[axis], along[1 - axis] = LINE_WIDTH_METRES, 2 * reach
        if axis == 1:
            across, along = along, across  # so that the rectangle faces up
        first, last = np.ceil(center[axis] - reach), np.floor(center[axis] + reach)
        for place in np.arange(first, last + 1):
            corner = np.array([0.0, 0.0, LINE_LIFT_METRES])
            corner[axis] = place - LINE_WIDTH_METRES / 2
            corner[1 - axis] = center[1 - axis] - reach
            lines.append(rectangle(corner, across, along))
    return joined(lines)
