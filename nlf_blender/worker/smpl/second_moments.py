# SPDX-License-Identifier: GPL-3.0-or-later
"""Second moments of the levers by which turns move points, without a Jacobian.

In double precision: sums about one origin for all would leave of a hand's own moments, a metre
away, no more than four digits of single precision.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fit_points import FitPoints
from .posed_points import Posed

# The square [p;1][p;1]^T out of its upper triangle, in the order of `_moments`.
SQUARE = (0, 1, 2, 6, 1, 3, 4, 7, 2, 4, 5, 8, 6, 7, 8, 9)


def lever_moments(
    points: FitPoints, orientations: Tensor, posed: Posed, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Weighted sums [P,J,J,3,3] of u_j u_m^T and [P,J,3] of u_j (normal_equations.py says what u_j
    is), in double precision; orientations [P,J,3,3]; weights [P,N]."""
    people, count = len(weights), points.joint_count
    unposed, weights = posed.unposed.double(), weights.double()
    shares = _shares(points, orientations, posed, _moments(unposed, weights))
    below = points.tree.ancestors.T.double()
    shares = (below @ shares.flatten(2)).view(people, count, count, 16).transpose(1, 2)
    shares = (below @ shares.flatten(2)).view(people, count, count, 4, 4)
    joints = posed.joints.double()
    rows = shares[..., :3] - shares[..., 3:] * joints[:, :, None, None]
    squares = rows[..., :3, :] - joints[:, None, :, :, None] * rows[..., 3:, :]
    # every point hangs from the root, whose sums of [x;1] are therefore those of all points
    sums = rows[:, :, points.tree.root, 3]
    return squares.transpose(1, 2), sums


def _moments(unposed: Tensor, weights: Tensor) -> Tensor:
    """The upper triangle [P,10,N] of w [p;1][p;1]^T for p [P,3,N] and weights w [P,N]."""
    x, y, z = unposed.unbind(1)
    wx, wy, wz = (unposed * weights[:, None]).unbind(1)
    return torch.stack([wx * x, wx * y, wx * z, wy * y, wy * z, wz * z, wx, wy, wz, weights], 1)


def _shares(points: FitPoints, orientations: Tensor, posed: Posed, moments: Tensor) -> Tensor:
    """What joints' shares of points, w_k [x;1], sum up to among each other: [P,J,J,16]."""
    pairs, count = points.pairs, points.joint_count
    sums = (moments.flatten(0, 1) @ pairs.weights).view(len(moments), 10, len(pairs.first))
    squares = sums.transpose(1, 2)[..., SQUARE].unflatten(2, (4, 4))
    transforms = torch.cat([orientations, posed.shifts[..., None]], -1).double()
    bottom = torch.tensor([0.0, 0.0, 0.0, 1.0]).to(transforms)
    transforms = torch.cat([transforms, bottom.expand(len(moments), count, 1, 4)], 2)
    products = transforms[:, pairs.first] @ squares @ transforms[:, pairs.second].mT
    shares = products.new_zeros(len(moments), count * count, 16)
    shares[:, pairs.first * count + pairs.second] = products.flatten(2)
    mirrored = products[:, pairs.apart].mT.flatten(2)
    shares[:, (pairs.second * count + pairs.first)[pairs.apart]] = mirrored
    return shares.view(len(moments), count, count, 16)
