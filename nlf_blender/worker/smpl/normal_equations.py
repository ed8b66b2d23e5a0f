# SPDX-License-Identifier: GPL-3.0-or-later
"""Gauss-Newton's normal equations of a fit, in closed form.

Unknowns are a small turn d_j of every joint, in axes of space, which carries all that hangs from
it, and the shape columns. With G_j the joint's place, a point moves by d_j x u_j, where

    u_j = sum of w_k (R_k p + h_k - G_j) over the joints k at and below j,

and by the shape slopes s. Every u_j is linear in w_k [p;1], so all products of turns come from the
points' second moments (second_moments.py); no Jacobian is ever stored. Translation is eliminated
by taking everything about its weighted mean. That pose correctives change with the turns is left
out of the slopes, not of the points.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .fit_points import FitPoints
from .posed_points import Posed
from .second_moments import lever_moments


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
    levers = lever_maps(points, orientations, posed)
    homogeneous = torch.cat([posed.unposed * weights[:, None], weights[:, None]], 1)  # [P,4,N]
    arms = lever_moments(points, orientations, posed, weights)
    own = arms.diagonal(dim1=1, dim2=2).diagonal(dim1=1, dim2=2).sum(-1)
    means = levers @ _skinned(points, homogeneous).flatten(1)[..., None]
    means = means[..., 0].double().unflatten(1, (-1, 3))
    arms = arms - means[:, :, None, :, None] * means[:, None, :, None]
    # (a x u).(b x v) = (a.b)(u.v) - (a.v)(b.u)
    turns = -arms.transpose(3, 4)
    turns.diagonal(dim1=3, dim2=4).add_(arms.diagonal(dim1=3, dim2=4).sum(-1, keepdim=True))
    turns = turns.transpose(2, 3).flatten(3).flatten(1, 2)
    slopes = _centered(_shape_slopes(points, orientations, posed, with_scale), weights)
    flat = slopes.flatten(1, 2)
    products = (homogeneous[:, :, None] * flat[:, None]).flatten(0, 2) @ points.skin
    products = products.view(len(weights), 4, flat.shape[1], points.joint_count).permute(0, 3, 1, 2)
    mixed = _turned(levers, products, slopes.shape[2])
    square = slopes * weights[:, None, None].sqrt()
    square = square.transpose(1, 2).flatten(2)
    return NormalMatrix(own, turns, mixed, square @ square.transpose(1, 2))


def gradient(
    points: FitPoints, orientations: Tensor, posed: Posed, weights: Tensor, residuals: Tensor
) -> Gradient:
    """The right-hand side for residuals [P,3,N] about their weighted mean.

    Without the scale's column: that is `scale_gradient`.
    """
    pull = residuals * weights[:, None]
    rows = (posed.unposed[:, :, None] * pull[:, None]).flatten(1, 2)
    rows = torch.cat([rows, pull], 1).flatten(0, 1) @ points.skin
    products = rows.view(len(weights), 4, 3, points.joint_count).permute(0, 3, 1, 2)
    turns = _turned(lever_maps(points, orientations, posed), products, 1)[..., 0]
    return Gradient(
        turns,
        _shape_pull(points, orientations, posed, pull, products[:, :, 3]),
        (residuals * pull).sum((1, 2)),
    )


def scale_gradient(posed: Posed, weights: Tensor, residuals: Tensor) -> Tensor:
    """The scale's entry [P,1] of the gradient's shape, for the scale's logarithm."""
    pull = residuals * weights[:, None]
    return (posed.points * pull).sum((1, 2))[:, None]


def lever_maps(points: FitPoints, orientations: Tensor, posed: Posed) -> Tensor:
    """[P,3J,4J]: takes a point's w_k [p;1] to its u_j."""
    count = points.joint_count
    places = posed.shifts[:, None] - posed.joints[:, :, None]
    turns = orientations[:, None].expand(-1, count, -1, -1, -1)
    maps = torch.cat([turns, places[..., None]], -1)
    maps = maps * points.tree.ancestors.T[:, :, None, None]
    return maps.transpose(2, 3).flatten(3).flatten(1, 2)


def _skinned(points: FitPoints, rows: Tensor) -> Tensor:
    """Sums [P,J,R] of rows [P,R,N] over the points, by skinning weight."""
    sums = rows.flatten(0, 1) @ points.skin
    return sums.view(*rows.shape[:2], points.joint_count).transpose(1, 2)


def _turned(levers: Tensor, products: Tensor, columns: int) -> Tensor:
    """Sums of u_j x d [P,3J,columns] from products [P,J,4,3*columns] of w_k [p;1] and d."""
    outer = levers @ products.flatten(1, 2)
    outer = outer.view(len(outer), outer.shape[1] // 3, 3, 3, columns)
    ux, uy, uz = outer.unbind(2)
    cross = (uy[:, :, 2] - uz[:, :, 1], uz[:, :, 0] - ux[:, :, 2], ux[:, :, 1] - uy[:, :, 0])
    return torch.stack(cross, 2).flatten(1, 2)


def _shape_slopes(
    points: FitPoints, orientations: Tensor, posed: Posed, with_scale: bool
) -> Tensor:
    """Slopes [P,3,S,N] of the posed points by the shape columns, up to a common shift."""
    tree, columns = points.tree, points.joints_columns
    shifts = tree.carriers @ _turned_columns(orientations[:, tree.parent], tree.bones, columns)
    shifts = shifts - _turned_columns(orientations, None, columns)  # [P,J,3C]
    slopes = (shifts.transpose(1, 2) @ points.skin.T).unflatten(1, (3, -1))
    for axis in range(3):
        slopes = torch.addcmul(slopes, posed.blended[:, :, axis, None], points.shape_columns[axis])
    if with_scale:
        slopes = torch.cat([slopes, posed.points[:, :, None]], 2)
    return slopes


def _turned_columns(orientations: Tensor, bones: Tensor | None, columns: Tensor) -> Tensor:
    """Joints' columns [J,3,C], or their bones', in the joints' orientations: [P,J,3C]."""
    if bones is not None:
        columns = (bones @ columns.flatten(1)).view_as(columns)
    return (orientations @ columns).flatten(2)


def _shape_pull(
    points: FitPoints, orientations: Tensor, posed: Posed, pull: Tensor, pulls: Tensor
) -> Tensor:
    """The shape part [P,C] of the gradient: pull [P,3,N], and summed by joint, pulls [P,J,3]."""
    tree, columns = points.tree, points.joints_columns
    turned_back = (posed.blended[:, :, :3] * pull[:, :, None]).sum(1).flatten(1)
    result = turned_back @ points.basis[: points.column_count].T
    bones = (tree.bones @ columns.flatten(1)).view_as(columns)
    carried = (tree.carriers.T @ pulls)[..., None]
    along = (orientations[:, tree.parent].transpose(-1, -2) @ carried).flatten(1)
    at_joint = (orientations.transpose(-1, -2) @ pulls[..., None]).flatten(1)
    return result + along @ bones.flatten(0, 1) - at_joint @ columns.flatten(0, 1)


def _centered(slopes: Tensor, weights: Tensor) -> Tensor:
    return slopes - (slopes @ weights[:, None, :, None])
