# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in, on and just outside the left half of the body, with their eigenfunctions' values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...training.points.winding import winding_numbers
from .eigenmodes import Eigenmodes
from .volume import HalfVolume, signed_volumes

Array = NDArray[np.floating]
INSIDE_SHARE = 0.4
OUTSIDE_SHARE = 0.33  # of the points that are not inside
MEAN_OFFSET = 0.005  # metres
# Markers are placed on vertices, and heads, hands and feet have many: half of the skin points are
# drawn by triangle, half by area.
BY_TRIANGLE_SHARE = 0.5
INSIDE, SKIN, OUTSIDE = 0, 1, 2


@dataclass(frozen=True)
class Samples:
    """points [N,3] metres, x >= 0; values [N,K]; kind [N]: INSIDE, SKIN or OUTSIDE."""

    points: NDArray[np.float32]
    values: NDArray[np.float32]
    kind: NDArray[np.int8]


class Sampler:
    """Draws samples of a volume's eigenfunctions.

    vertices [V,3] and faces [F,3] are the whole body's surfaces. Outside, a function goes on as it
    is at the skin: its derivative across the skin is zero.
    """

    def __init__(
        self, volume: HalfVolume, modes: Eigenmodes, vertices: Array, faces: NDArray[np.integer]
    ) -> None:
        self._volume, self._vertices, self._faces = volume, vertices, faces
        self._vectors = modes.vectors.astype(np.float32)
        corners = volume.nodes[volume.triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        areas = np.linalg.norm(normals, axis=1)
        self._normals = normals / np.maximum(areas, 1e-12)[:, None]
        shares = BY_TRIANGLE_SHARE / len(areas) + (1 - BY_TRIANGLE_SHARE) * areas / areas.sum()
        self._triangle_bounds = np.cumsum(shares)
        volumes = signed_volumes(volume.nodes[volume.tetrahedra])
        self._tetrahedron_bounds = np.cumsum(volumes / volumes.sum())
        self._skin = cKDTree(volume.nodes[np.unique(volume.triangles)])

    def draw(self, count: int, random: np.random.Generator) -> Samples:
        """`count` samples, the ones inside first."""
        inside = int(count * INSIDE_SHARE)
        tetrahedron = _pick(self._tetrahedron_bounds, inside, random)
        cells = self._volume.tetrahedra[tetrahedron]
        inner = self._mixed(cells, random.dirichlet(np.ones(4), inside))
        triangle = _pick(self._triangle_bounds, count - inside, random)
        facets = self._volume.triangles[triangle]
        outer = self._mixed(facets, random.dirichlet(np.ones(3), len(facets)))
        offset = self._offsets(outer[0], self._normals[triangle], random)
        points = outer[0] + offset[:, None] * self._normals[triangle]
        kind = np.concatenate([np.full(inside, INSIDE), np.where(offset > 0, OUTSIDE, SKIN)])
        return Samples(
            np.concatenate([inner[0], points]).astype(np.float32),
            np.concatenate([inner[1], outer[1]]),
            kind.astype(np.int8),
        )

    def _mixed(self, cells: NDArray[np.int64], shares: Array) -> tuple[Array, Array]:
        """Points and values at barycentric shares [N,C] of cells [N,C]."""
        points = np.einsum("nc,ncx->nx", shares, self._volume.nodes[cells])
        narrow = shares.astype(np.float32)
        columns = range(cells.shape[1])
        return points, sum(narrow[:, c, None] * self._vectors[cells[:, c]] for c in columns)

    def _offsets(self, points: Array, normals: Array, random: np.random.Generator) -> Array:
        """Distances [N] to leave skin points by; 0 where that would come near other skin."""
        offset = random.exponential(MEAN_OFFSET, len(points))
        offset[random.random(len(points)) >= OUTSIDE_SHARE] = 0
        leaving = np.flatnonzero(offset)
        if len(leaving) == 0:
            return offset
        moved = points[leaving] + offset[leaving, None] * normals[leaving]
        wrong = winding_numbers(moved, self._vertices, self._faces) > 0
        wrong |= self._skin.query(moved)[0] < 0.8 * offset[leaving]
        wrong |= moved[:, 0] < 0
        offset[leaving[wrong]] = 0
        return offset


def _pick(bounds: Array, count: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Indices [count] drawn with the probabilities whose cumulated sums are `bounds`."""
    return np.minimum(np.searchsorted(bounds, random.random(count)), len(bounds) - 1)
