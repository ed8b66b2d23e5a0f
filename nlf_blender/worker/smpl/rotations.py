# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation vectors and matrices in torch, batched and differentiable, as `body/rotations.py`."""

from __future__ import annotations

import torch
from torch import Tensor

# Below this angle the series is as good as float32 and has a gradient where the quotient has none.
SMALL_ANGLE = 1e-2


def skew_matrix(vectors: Tensor) -> Tensor:
    """The matrices [...,3,3] that take the cross product with vectors [...,3]."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    rows = (zero, -z, y, z, zero, -x, -y, x, zero)
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def matrix_from_rotvec(rotvecs: Tensor) -> Tensor:
    """Rotation matrices [...,3,3] of rotation vectors [...,3] in radians (Rodrigues' formula)."""
    squared = rotvecs.square().sum(-1, keepdim=True)[..., None]
    half = (squared / 4).clamp_min(torch.finfo(rotvecs.dtype).tiny).sqrt()
    sinc = half.sin() / half
    turned = sinc * half.cos() * skew_matrix(rotvecs)
    outer = (sinc * sinc / 2) * (rotvecs[..., :, None] * rotvecs[..., None, :])
    identity = torch.eye(3, dtype=rotvecs.dtype, device=rotvecs.device)
    return (1 - squared * sinc * sinc / 2) * identity + turned + outer


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
