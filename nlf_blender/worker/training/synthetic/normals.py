# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth normals of posed copies of a mesh, the same on every run and device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def rings(faces: NDArray[np.int64], vertices: int) -> Tensor:
    """The faces about each vertex [V,K] int64, padded with the number of faces F."""
    corners = faces.reshape(-1)
    order = np.argsort(corners, kind="stable")
    owner = corners[order]
    valence = np.bincount(corners, minlength=vertices)
    table = np.full((vertices, max(int(valence.max(initial=0)), 1)), len(faces), np.int64)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(valence) - valence, valence)
    table[owner, place] = order // 3
    return torch.from_numpy(table)


def vertex_normals(vertices: Tensor, faces: Tensor, ring: Tensor) -> Tensor:
    """Unit normals [N,V,3] outward, weighted by the areas of the faces. vertices: [N,V,3].

    Sums over each vertex's faces are gathered, not scattered: floating-point sums in the order of
    a GPU's atomics would differ from run to run.
    """
    first, second, third = (vertices[:, faces[:, corner]] for corner in range(3))
    across = torch.linalg.cross(second - first, third - first)
    across = torch.cat([across, across.new_zeros(len(across), 1, 3)], dim=1)
    total = across[:, ring[:, 0]]
    for column in range(1, ring.shape[1]):
        total = total + across[:, ring[:, column]]
    return torch.nn.functional.normalize(total, dim=-1)
