# SPDX-License-Identifier: GPL-3.0-or-later
"""Skirts, made from the body's own outline: the one loose garment that its surface cannot give.

A skirt is a tube from the waist to the hem, about the convex outline of hips and thighs. Each of
its vertices hangs between the nearest points of the body's left and right sides.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, cKDTree

from .....body.arrays import Float64Array
from .....body.body_data import BodyData
from ..skeleton import INDEX
from .base_mesh import IntArray
from .binding import guards_of, smoothed
from .garment import Garment

# Name: how far from the waist to the ankles it reaches, how much wider it gets on the way.
_MODELS = {
    "short": (0.38, 0.05),
    "short wide": (0.4, 0.35),
    "long": (0.9, 0.06),
    "long wide": (0.85, 0.3),
    "middling": (0.6, 0.12),
}
_HELD_OUT = ("middling",)
_ROWS, _COLUMNS = 24, 40
_GAP = 0.008  # metres off the outline
_MIDDLE = 0.12  # metres from the middle where a skirt goes with one leg alone


def skirts(body: BodyData) -> list[Garment]:
    """All models of skirts for a body."""
    return [
        _skirt(body, name, length, flare, name in _HELD_OUT)
        for name, (length, flare) in _MODELS.items()
    ]


def _skirt(body: BodyData, name: str, length: float, flare: float, held_out: bool) -> Garment:
    waist = body.joints_template[INDEX["pelvis"], 1] + 0.07
    ankle = body.joints_template[INDEX["left_ankle"], 1]
    heights = np.linspace(waist, waist + length * (ankle - waist), _ROWS)
    rest = _tube(body, heights, flare)
    corners, weights = _anchors(body, rest)
    offsets = rest - (body.v_template[corners] * weights[..., None]).sum(axis=1)
    skinning = (body.weights[corners] * weights[..., None]).sum(axis=1)
    faces = _tube_faces()
    skinning = smoothed(skinning, faces, offsets)
    return Garment(
        name=f"{name} skirt",
        kind="skirt",
        held_out=held_out,
        faces=faces,
        corners=corners,
        weights=weights,
        offsets=offsets,
        joint_weights=skinning,
        guards=guards_of(rest, skinning, corners[np.arange(len(rest)), weights.argmax(1)], body),
        rest=rest,
        covers=np.zeros(0, np.int64),
        references=np.zeros((0, 2), np.int64),
    )


def _tube(body: BodyData, heights: Float64Array, flare: float) -> Float64Array:
    """Vertices [rows * columns, 3]; a row never narrower than the one above it."""
    angles = np.linspace(0, 2 * np.pi, _COLUMNS, endpoint=False)
    directions = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    below = body.v_template[np.abs(body.v_template[:, 0]) < 0.35]  # arms are spread aside
    centre = np.array([0.0, body.joints_template[INDEX["pelvis"], 2]])
    radius, rows = np.zeros(_COLUMNS), []
    for height in heights:
        near = below[np.abs(below[:, 1] - height) < 0.02][:, [0, 2]] - centre
        facets = ConvexHull(near).equations
        along = facets[:, :2] @ directions.T
        reach = np.where(along > 1e-6, -facets[:, 2:] / np.maximum(along, 1e-6), np.inf)
        radius = np.maximum(radius, reach.min(axis=0) + _GAP)
        wide = radius + flare * (heights[0] - height)
        ring = centre + directions * wide[:, None]
        rows.append(np.stack([ring[:, 0], np.full(_COLUMNS, height), ring[:, 1]], axis=1))
    return np.concatenate(rows)


def _tube_faces() -> IntArray:
    """Triangles [F,3], counter-clockwise from outside."""
    row, column = np.divmod(np.arange((_ROWS - 1) * _COLUMNS), _COLUMNS)
    here, beside = row * _COLUMNS + column, row * _COLUMNS + (column + 1) % _COLUMNS
    under, aslant = here + _COLUMNS, beside + _COLUMNS
    first, second = np.stack([here, under, beside], 1), np.stack([beside, under, aslant], 1)
    return np.concatenate([first, second]).astype(np.int64)


def _anchors(body: BodyData, rest: Float64Array) -> tuple[IntArray, Float64Array]:
    """The nearest vertices of the left and of the right side, and how much of each."""
    found = []
    for side in (1, -1):
        mine = np.flatnonzero((body.v_template[:, 0] * side >= 0) & (body.v_template[:, 1] < 0.3))
        found.append(mine[cKDTree(body.v_template[mine]).query(rest)[1]])
    place = np.clip((rest[:, 0] / _MIDDLE + 1) / 2, 0, 1)
    left = place**2 * (3 - 2 * place)
    corners = np.stack([*found, found[0]], axis=1).astype(np.int64)
    return corners, np.stack([left, 1 - left, np.zeros(len(rest))], axis=1)
