# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation vectors and matrices in torch, batched and differentiable, as `body/rotations.py`."""

from __future__ import annotations

import torch
from torch import Tensor

# Below this angle the series is as good as float32 and has a gradient where the quotient has none.
SMALL_ANGLE = 1e-2


# The 9 entries of a rotation matrix, row by row, as sums of products q_i q_j of a unit quaternion
# (w, x, y, z): {4 i + j: factor}.
_SUMS = (
    {0: 1, 5: 1, 10: -1, 15: -1},
    {6: 2, 3: -2},
    {7: 2, 2: 2},
    {6: 2, 3: 2},
    {0: 1, 5: -1, 10: 1, 15: -1},
    {11: 2, 1: -2},
    {7: 2, 2: -2},
    {11: 2, 1: 2},
    {0: 1, 5: -1, 10: -1, 15: 1},
)
ENTRIES = tuple(tuple(float(row.get(k, 0)) for row in _SUMS) for k in range(16))


def matrix_from_rotvec(rotvecs: Tensor) -> Tensor:
    """Rotation matrices [...,3,3] of rotation vectors [...,3] in radians.

    By way of unit quaternions, in whose products the entries are linear: one product of matrices
    is quicker than sums of many small tensors.
    """
    squared = rotvecs.square().sum(-1, keepdim=True)
    half = (squared / 4).clamp_min(torch.finfo(rotvecs.dtype).tiny).sqrt()
    quaternions = torch.cat([half.cos(), half.sin() / half * rotvecs / 2], -1)
    products = (quaternions[..., :, None] * quaternions[..., None, :]).flatten(-2)
    entries = torch.tensor(ENTRIES, dtype=rotvecs.dtype, device=rotvecs.device)
    return (products @ entries).unflatten(-1, (3, 3))


def quaternion_from_matrix(matrices: Tensor) -> Tensor:
    """Unit quaternions [...,4] (w, x, y, z), w >= 0, of rotation matrices [...,3,3].

    Picks the best-conditioned of the four rows of 4 q q^T, so that all angles are equally good.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in matrices.unbind(-2))
    diagonal = (1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz)
    wx, wy, wz = zy - yz, xz - zx, yx - xy
    sum_xy, sum_xz, sum_yz = xy + yx, xz + zx, yz + zy
    rows = (
        (diagonal[0], wx, wy, wz),
        (wx, diagonal[1], sum_xy, sum_xz),
        (wy, sum_xy, diagonal[2], sum_yz),
        (wz, sum_xz, sum_yz, diagonal[3]),
    )
    products = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    largest = torch.stack(diagonal, dim=-1).argmax(-1)[..., None, None]
    row = products.gather(-2, largest.expand(*largest.shape[:-1], 4))[..., 0, :]
    row = row / row.norm(dim=-1, keepdim=True)
    return torch.where(row[..., :1] < 0, -row, row)


def rotvec_from_matrix(matrices: Tensor) -> Tensor:
    """Rotation vectors [...,3], at most pi long, of rotation matrices [...,3,3]."""
    quaternions = quaternion_from_matrix(matrices)
    real, imaginary = quaternions[..., :1], quaternions[..., 1:]
    sine = imaginary.norm(dim=-1, keepdim=True)
    small = sine < SMALL_ANGLE
    angle = 2 * torch.atan2(sine, real)
    factor = torch.where(small, 2 + sine**2 / 3, angle / torch.where(small, 1.0, sine))
    return imaginary * factor
