# SPDX-License-Identifier: GPL-3.0-or-later
"""Second moments of the levers by which turns move points, without a Jacobian.

In double precision: sums about one origin for all would leave of a hand's own moments, a metre
away, no more than four digits of single precision. Pairs of joints run along the last axis.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .points import FitPoints
from .posed_points import Posed

# The square [p;1][p;1]^T out of its upper triangle, in the order of `_moments`.
SQUARE = (0, 1, 2, 6, 1, 3, 4, 7, 2, 4, 5, 8, 6, 7, 8, 9)


def turn_blocks(
    points: FitPoints, orientations: Tensor, posed: Posed, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """The matrix [P,3J,3J] of turns among themselves, double precision, about the weighted mean,
    and the mean squared length [P,J] of the levers u_j, not about it.

    normal_equations.py says what u_j is; orientations [P,J,3,3]; weights [P,N], summing to 1.
    """
    pairs = points.pairs
    shares = _shares(points, orientations, posed, _moments(posed.unposed, weights))
    sums = (shares.flatten(0, 1) @ pairs.shared).view(len(weights), 4, 4, len(pairs.row))
    joints = posed.joints.double().mT
    rows = sums[:, :3] - joints[:, :, None, pairs.row] * sums[:, 3:]
    arms = rows[:, :, :3] - rows[:, :, 3:] * joints[:, None, :, pairs.column]
    levers = arms[..., pairs.own].diagonal(dim1=1, dim2=2).sum(-1)
    # every point hangs from the root, whose sums of [x;1] with 1 are therefore those of all points
    ones = torch.where(pairs.root_first, sums[:, 3, :, pairs.of_root], sums[:, :, 3, pairs.of_root])
    means = ones[:, :3] - joints * ones[:, 3:]
    arms = arms - means[:, :, None, pairs.row] * means[:, None, :, pairs.column]
    # (a x u).(b x v) = (a.b)(u.v) - (a.v)(b.u)
    trace = arms.diagonal(dim1=1, dim2=2).sum(-1)
    blocks = -arms.transpose(1, 2)
    blocks.diagonal(dim1=1, dim2=2).add_(trace[..., None])
    side = 3 * points.joint_count
    whole = blocks.flatten(1).index_select(1, pairs.entries)
    return whole.view(len(weights), side, side), levers


def _moments(unposed: Tensor, weights: Tensor) -> Tensor:
    """The upper triangle [P,10,N] of w [p;1][p;1]^T for p [P,3,N] and weights w [P,N]."""
    unposed, weights = unposed.double(), weights.double()
    x, y, z = unposed.unbind(1)
    wx, wy, wz = (unposed * weights[:, None]).unbind(1)
    return torch.stack([wx * x, wx * y, wx * z, wy * y, wy * z, wz * z, wx, wy, wz, weights], 1)


def _shares(points: FitPoints, orientations: Tensor, posed: Posed, moments: Tensor) -> Tensor:
    """Sums [P,16,Q] of w_k w_l [x_k;1][x_l;1]^T, x_k the points as joint k by itself moves them."""
    pairs = points.pairs
    sums = (moments.flatten(0, 1) @ pairs.weights).view(len(moments), 10, len(pairs.first))
    squares = sums.mT[..., SQUARE].unflatten(2, (4, 4))
    transforms = torch.cat([orientations, posed.shifts[..., None]], -1).double()
    bottom = torch.tensor([0.0, 0.0, 0.0, 1.0]).to(transforms)
    bottom = bottom.expand(len(moments), points.joint_count, 1, 4)
    transforms = torch.cat([transforms, bottom], 2)
    products = transforms[:, pairs.first] @ squares @ transforms[:, pairs.second].mT
    return products.flatten(2).mT
