# SPDX-License-Identifier: GPL-3.0-or-later
"""Gauss-Newton's normal equations of a fit, in closed form.

Unknowns are a small turn d_j of every joint, in axes of space, which carries all that hangs from
it, and the shape columns. With g_j the joint's place, a point moves by d_j x u_j, where

    u_j = sum of w_k (R_k p + h_k - g_j) over the joints k at and below j,

and by the shape slopes s. Every u_j is linear in w_k [p;1], so all products of turns come from the
points' second moments (second_moments.py); no Jacobian is ever stored. Translation is eliminated by
taking everything about its weighted mean.

That pose correctives change with the turns is left out of the slopes, not of the points.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .points import FitPoints
from .posed_points import Posed
from .second_moments import turn_blocks


class NormalMatrix(NamedTuple):
    """Blocks of the matrix, for weights that sum to 1: turns [P,3J,3J] and shape [P,S,S] among
    themselves, mixed [P,3J,S]. S = C, and one more where the scale is solved for. levers [P,J]:
    mean squared distance of a joint's points from it, before translation is eliminated, m^2."""

    levers: Tensor
    turns: Tensor
    mixed: Tensor
    shape: Tensor


class Gradient(NamedTuple):
    """How much the residuals ask for: turns [P,3J], shape [P,S]; mean square [P] of the residuals,
    m^2."""

    turns: Tensor
    shape: Tensor
    mean_square: Tensor


def normal_matrix(
    points: FitPoints, orientations: Tensor, posed: Posed, weights: Tensor, with_scale: bool
) -> NormalMatrix:
    """The matrix for points posed with orientations [P,J,3,3]; weights [P,N], summing to 1."""
    turns, levers = turn_blocks(points, orientations, posed, weights)
    slopes = shape_slopes(points, orientations, posed, with_scale)
    slopes = slopes - (slopes * weights[:, None, None]).sum(-1, keepdim=True)
    square = (slopes * weights[:, None, None].sqrt()).transpose(1, 2).flatten(2)
    homogeneous = torch.cat([posed.unposed * weights[:, None], weights[:, None]], 1)
    products = _products(homogeneous, slopes, points.skin)
    mixed = torques(points, orientations, posed, products).flatten(1, 2)
    return NormalMatrix(levers, turns, mixed, square @ square.mT)


def gradient(
    points: FitPoints, orientations: Tensor, posed: Posed, weights: Tensor, residuals: Tensor
) -> Gradient:
    """The right-hand side for residuals [P,3,N] about their weighted mean.

    Without the scale's column: that is `scale_gradient`.
    """
    pull = residuals * weights[:, None]
    homogeneous = torch.nn.functional.pad(posed.unposed, (0, 0, 0, 1), value=1.0)
    products = _products(homogeneous, pull[:, :, None], points.skin)
    return Gradient(
        torques(points, orientations, posed, products).flatten(1),
        _shape_pull(points, orientations, posed, pull, products[:, :, 3, :, 0]),
        (residuals * pull).sum((1, 2)),
    )


def scale_gradient(posed: Posed, weights: Tensor, residuals: Tensor) -> Tensor:
    """The scale's entry [P,1] of the gradient's shape, for the scale's logarithm."""
    pull = residuals * weights[:, None]
    return (posed.points * pull).sum((1, 2))[:, None]


def torques(points: FitPoints, orientations: Tensor, posed: Posed, products: Tensor) -> Tensor:
    """Sums [P,J,3,D] of u_j x d over the points, from products [P,J,4,3,D] of w_k [p;1] and d.

    As in mechanics: forces d at the parts, carried to the joints above, each about its own place.
    """
    transforms = torch.cat([orientations, posed.shifts[..., None]], -1)
    moved = torch.cat([transforms @ products.flatten(3), products[:, :, 3:].flatten(3)], 2)
    carried = (points.tree.ancestors.T @ moved.flatten(2)).view_as(moved)
    about = carried[:, :, :3] - posed.joints[..., None] * carried[:, :, 3:]
    (_, xy, xz), (yx, _, yz), (zx, zy, _) = (
        row.unbind(2) for row in about.unflatten(3, products.shape[3:]).unbind(2)
    )
    return torch.stack([yz - zy, zx - xz, xy - yx], 2)


def shape_slopes(points: FitPoints, orientations: Tensor, posed: Posed, with_scale: bool) -> Tensor:
    """Slopes [P,3,S,N] of the posed points by the shape columns, up to a common shift."""
    tree, columns = points.tree, points.joints_columns
    shifts = tree.carriers @ (orientations[:, tree.parent] @ points.bones_columns).flatten(2)
    shifts = shifts - (orientations @ columns).flatten(2)  # [P,J,3C]
    slopes = (shifts.mT @ points.skin.T).unflatten(1, (3, columns.shape[2]))
    for axis in range(3):
        slopes = torch.addcmul(slopes, posed.blended[:, :, axis, None], points.shape_columns[axis])
    if with_scale:
        slopes = torch.cat([slopes, posed.points[:, :, None]], 2)
    return slopes


def _products(homogeneous: Tensor, vectors: Tensor, skin: Tensor) -> Tensor:
    """Sums [P,J,4,3,D] of w_k [p;1] d^T from [p;1] as [P,4,N] and d as [P,3,D,N]; skin [N,J]."""
    flat = vectors.flatten(1, 2)
    # row by row, for the sake of the cache
    rows = [(flat * row[:, None]).flatten(0, 1) @ skin for row in homogeneous.unbind(1)]
    shape = (len(vectors), *vectors.shape[1:3], skin.shape[1])
    return torch.stack([row.view(shape) for row in rows], 1).permute(0, 4, 1, 2, 3)


def _shape_pull(
    points: FitPoints, orientations: Tensor, posed: Posed, pull: Tensor, pulls: Tensor
) -> Tensor:
    """The shape part [P,C] of the gradient: pull [P,3,N], and summed by joint, pulls [P,J,3]."""
    tree, columns = points.tree, points.joints_columns
    turned_back = (posed.blended[:, :, :3] * pull[:, :, None]).sum(1).flatten(1)
    result = turned_back @ points.basis[: points.column_count].T
    carried = (tree.carriers.T @ pulls)[..., None]
    along = (orientations[:, tree.parent].mT @ carried).flatten(1)
    at_joint = (orientations.mT @ pulls[..., None]).flatten(1)
    along = along @ points.bones_columns.flatten(0, 1)
    return result + along - at_joint @ columns.flatten(0, 1)
