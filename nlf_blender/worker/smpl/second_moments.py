# SPDX-License-Identifier: GPL-3.0-or-later
"""Second moments of the levers by which turns move points, without a Jacobian.

Sums over points are taken about each point's home joint, where its coordinates are small, and in
single precision; all that follows is small and in double. About one origin for all, rounding would
leave of a hand's own moments, a metre away, no more than four digits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .fit_points import FitPoints
from .posed_points import Posed

# The square [q;1][q;1]^T out of its upper triangle, in the order of `_moments`.
SQUARE = (0, 1, 2, 6, 1, 3, 4, 7, 2, 4, 5, 8, 6, 7, 8, 9)


def lever_moments(points: FitPoints, orientations: Tensor, posed: Posed, weights: Tensor) -> Tensor:
    """Weighted sums [P,J,J,3,3] of u_j u_m^T (normal_equations.py says what u_j is), in double
    precision; orientations [P,J,3,3]; weights [P,N]."""
    pairs = points.pairs
    sums = _moments(posed.unposed - posed.rest[:, pairs.point_home].transpose(1, 2), weights)
    sums = (sums.flatten(0, 1) @ pairs.weights).view(len(weights), 10, len(pairs.home))
    squares = sums.double().transpose(1, 2)[..., SQUARE].unflatten(2, (4, 4))
    first = _transforms(orientations, posed, pairs.first, pairs.home)
    second = _transforms(orientations, posed, pairs.second, pairs.home)
    products = first @ squares @ second.transpose(2, 3)
    count = points.joint_count
    whole = products.new_zeros(len(weights), count * count, 16)
    whole.index_add_(1, pairs.first * count + pairs.second, products.flatten(2))
    apart = pairs.first != pairs.second
    mirrored = products[:, apart].transpose(2, 3).flatten(2)
    whole.index_add_(1, (pairs.second * count + pairs.first)[apart], mirrored)
    return _about_joints(points, whole.view(len(weights), count, count, 16), posed.joints.double())


def _moments(places: Tensor, weights: Tensor) -> Tensor:
    """The upper triangle [P,10,N] of w [q;1][q;1]^T for places q [P,3,N] and weights w [P,N]."""
    x, y, z = places.unbind(1)
    wx, wy, wz = (places * weights[:, None]).unbind(1)
    return torch.stack([wx * x, wx * y, wx * z, wy * y, wy * z, wz * z, wx, wy, wz, weights], 1)


def _transforms(orientations: Tensor, posed: Posed, joints: Tensor, home: Tensor) -> Tensor:
    """How joints [Q] move [q;1] of points at home [Q] into space: [P,Q,4,4], double precision."""
    turn = orientations[:, joints].double()
    offset = posed.rest[:, home].double() - posed.rest[:, joints].double()
    place = (turn @ offset[..., None]) + posed.joints[:, joints].double()[..., None]
    top = torch.cat([turn, place], -1)
    bottom = torch.tensor([0.0, 0.0, 0.0, 1.0]).to(top).expand(*top.shape[:2], 1, 4)
    return torch.cat([top, bottom], 2)


def _about_joints(points: FitPoints, moments: Tensor, joints: Tensor) -> Tensor:
    """From moments [P,J,J,16] of single joints' shares to those of all below, about each joint."""
    below = points.tree.ancestors.T.double()
    count = len(below)
    shape = (len(moments), count, count, 16)
    summed = (below @ moments.flatten(2)).view(shape).transpose(1, 2)
    summed = (below @ summed.flatten(2)).view(shape).transpose(1, 2).unflatten(3, (4, 4))
    rows = summed[..., :3, :] - joints[:, :, None, :, None] * summed[..., 3:, :]
    return rows[..., :3] - rows[..., 3:] * joints[:, None, :, None]
