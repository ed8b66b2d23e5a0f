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
    copies, count = vertices.shape[:2]
    corners = faces.t().reshape(-1)
    x, y, z = (
        vertices.permute(2, 0, 1)
        .reshape(3 * copies, count)
        .index_select(1, corners)
        .view(3, copies, 3, -1)
    )
    (ux, uy, uz), (vx, vy, vz) = (
        [axis[:, corner] - axis[:, 0] for axis in (x, y, z)] for corner in (1, 2)
    )
    across = torch.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], dim=-1)
    across = torch.nn.functional.pad(across, (0, 0, 0, 1))  # what rings are padded with: no face
    table = across.view(-1, 3)
    starts = torch.arange(copies, device=ring.device) * (len(faces) + 1)
    rows = (ring + starts[:, None, None]).view(-1, ring.shape[1])
    total = torch.nn.functional.embedding_bag(rows, table, mode="sum")
    length = (total * total) @ total.new_ones(3, 1)
    return (total * length.clamp_(min=1e-24).rsqrt_()).view(vertices.shape)
