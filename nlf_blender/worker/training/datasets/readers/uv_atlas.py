# SPDX-License-Identifier: GPL-3.0-or-later
"""DensePose's atlas: from a part and its coordinates u, v to a place on a face of SMPL.

DensePose cuts SMPL's surface into 24 parts (Güler et al. 2018), each with u and v from 0 to 1. The
file `UV_Processed.mat` lists, for 7829 vertices of the cut surface, u, v and the vertex of SMPL
(`All_U_norm`, `All_V_norm`, `All_vertices`, from 1), and for each face its three of those
(`All_Faces`, from 1) and its part (`All_FaceIndices`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from .....body.arrays import Float64Array, IntArray
from .....body.npz_file import DAMAGED
from .....errors import UserError

KEYS = ("All_Faces", "All_FaceIndices", "All_U_norm", "All_V_norm", "All_vertices")


@dataclass(frozen=True, eq=False)
class UVAtlas:
    """faces [F,3]: SMPL's vertices; corners [F,3,2]: u, v of the faces' corners; part [F]."""

    faces: IntArray
    corners: Float64Array
    part: IntArray

    @staticmethod
    def read(path: Path) -> UVAtlas:
        """The atlas of a UV_Processed.mat. UserError if the file is missing or another."""
        try:  # on damaged bytes loadmat fails in any way, with NameError even
            data = loadmat(str(path), variable_names=KEYS)
            cut = np.asarray(data["All_Faces"], np.int64).reshape(-1, 3) - 1
            part, u, v, vertices = (
                np.asarray(data[key], np.float64).reshape(-1) for key in KEYS[1:]
            )
            if not (len(part) == len(cut) and len(u) == len(v) == len(vertices) > cut.max()):
                raise ValueError("its arrays do not fit each other")
            corners = np.stack([u, v], axis=1)[cut]
            faces = vertices.astype(np.int64)[cut] - 1
            if cut.min() < 0 or faces.min() < 0 or not np.isfinite(corners).all():
                raise ValueError("it counts vertices from 0, or has coordinates not finite")
        except (OSError, MatReadError, NameError, *DAMAGED) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise UserError(
                "UV atlas not readable",
                f"{path}: {reason}.",
                "Choose UV_Processed.mat from DensePose's data.",
            ) from error
        return UVAtlas(faces, corners, part.astype(np.int64))

    def locate(self, part: IntArray, uv: Float64Array) -> tuple[IntArray, Float64Array]:
        """SMPL's vertices [M,3] and their weights [M,3] at coordinates uv [M,2] of parts [M].

        Between a part's faces, the nearest place on one. NaN weights where there is no such part
        or the coordinates are not finite.
        """
        corners = np.zeros((len(part), 3), np.int64)
        weights = np.full((len(part), 3), np.nan)
        for row, (number, place) in enumerate(zip(part, uv, strict=True)):
            mine = np.flatnonzero(self.part == number)
            if len(mine) and np.isfinite(place).all():
                off, found = nearest_in_triangles(place, self.corners[mine])
                best = int(off.argmin())
                corners[row], weights[row] = self.faces[mine[best]], found[best]
        return corners, weights


def nearest_in_triangles(
    point: Float64Array, triangles: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Of each triangle [F,3,2] its place nearest to a point [2]: the distance [F] and the corners'
    weights [F,3]."""
    weights = [_inside_weights(point, triangles)]
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start = triangles[:, first]
        along = triangles[:, second] - start
        length = (along**2).sum(axis=1)
        share = ((point - start) * along).sum(axis=1) / np.where(length > 0, length, 1.0)
        share = np.clip(share, 0.0, 1.0)
        edge = np.zeros((len(triangles), 3))
        edge[:, first], edge[:, second] = 1 - share, share
        weights.append(edge)
    every = np.stack(weights)  # [4,F,3]: inside, and on each edge
    places = np.einsum("kfc,fcx->kfx", every, triangles)
    off = np.linalg.norm(places - point, axis=2)
    best = np.where(np.isnan(off), np.inf, off).argmin(axis=0)
    columns = np.arange(len(triangles))
    return off[best, columns], every[best, columns]


def _inside_weights(point: Float64Array, triangles: Float64Array) -> Float64Array:
    """Barycentric weights [F,3] of a point in triangles, NaN where it is outside."""
    sides = triangles[:, 1:] - triangles[:, :1]
    area = sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]
    to = point - triangles[:, 0]
    safe = np.where(area == 0, 1.0, area)
    second = (to[:, 0] * sides[:, 1, 1] - to[:, 1] * sides[:, 1, 0]) / safe
    third = (sides[:, 0, 0] * to[:, 1] - sides[:, 0, 1] * to[:, 0]) / safe
    weights = np.stack([1 - second - third, second, third], axis=1)
    inside = (area != 0) & (weights >= 0).all(axis=1)
    return np.where(inside[:, None], weights, np.nan)
