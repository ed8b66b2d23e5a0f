# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear least-squares problem of a step, turns eliminated, and its solution for the shape.

Expectations enter as in Bayes' rule: a beta of 0 give or take 1, joints where they are expected
give or take `Unknowns.turn`, against the variance of the points; they fade as evidence grows.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .normal_equations import normal_matrix
from .points import FitPoints
from .posed_points import Posed
from .state import Unknowns

# Of what a joint's or a component's points say, expectations count at least this share: sums know
# no better, and a turn that is open must not follow their rounding.
LEAST_SHARE = 1e-8


class Factors(NamedTuple):
    """The matrix of one linearization, turns eliminated; double precision.

    doubt [P]: the variance of the mean of all points, m^2; least [P,3J+S]: what expectations count,
    for the shape without the one of `solve_shapes`; turns [P,3J,3J]: Cholesky factor of their
    block; mixed and solved [P,3J,S]: how shape acts on turns, and that over the block; shape
    [P,S,S]: what is left for it, over doubt.
    """

    doubt: Tensor
    least: Tensor
    turns: Tensor
    mixed: Tensor
    solved: Tensor
    shape: Tensor


def factorize(
    points: FitPoints,
    orientations: Tensor,
    posed: Posed,
    weights: Tensor,
    unknowns: Unknowns,
    doubt: Tensor,
    damping: Tensor,
) -> Factors:
    """The factors at points posed with orientations [P,J,3,3]; weights [P,N], summing to 1.

    doubt [P], m^2, as in `Factors`; damping [P]: added to the diagonal, as a share of it.
    """
    with_scale = unknowns.scale is not None
    matrix = normal_matrix(points, orientations, posed, weights, with_scale)
    bends = doubt[:, None] / unknowns.turn**2 + LEAST_SHARE * matrix.levers
    shapes = LEAST_SHARE * matrix.shape.diagonal(dim1=1, dim2=2).double()
    least = torch.cat([bends.repeat_interleave(3, 1), shapes], 1)
    free_turns, free_shape = unknowns.free_turns, unknowns.free_shape
    count = free_turns.shape[1]
    mixed = matrix.mixed.double() * free_turns[..., None] * free_shape[:, None]
    turns = _constrained(matrix.turns, free_turns, least[:, :count], damping)
    shape = _constrained(matrix.shape.double(), free_shape, least[:, count:], damping)
    factor = torch.linalg.cholesky(turns)
    solved = torch.cholesky_solve(mixed, factor)
    shape = (shape - mixed.mT @ solved) / doubt[:, None, None]
    return Factors(doubt, least, factor, mixed, solved, shape)


def _constrained(matrix: Tensor, free: Tensor, least: Tensor, damping: Tensor) -> Tensor:
    """The matrix with expectations and damping on its diagonal, and identity rows where nothing is
    free."""
    more = least + damping[:, None] * matrix.diagonal(dim1=1, dim2=2)
    if not bool(free.all()):
        matrix = matrix * (free[:, None] & free[..., None])
        more = torch.where(free, more, 1.0)
    matrix.diagonal(dim1=1, dim2=2).add_(more)
    return matrix


def solve_shapes(
    matrices: Tensor, right: Tensor, shape: Tensor, groups: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Shape steps [P,S] and covariances [P,S,S] from `Batch.prepare`'s matrices [P,S,S] and right
    [P,S] at unexpected shapes [P,S], which are one and the same within groups [P].

    Adds what is expected of a shape, 0 give or take 1: once for each shape, not for each person.
    """
    if groups is not None:
        size = int(groups.max()) + 1 if len(groups) else 0
        matrices = matrices.new_zeros(size, *matrices.shape[1:]).index_add(0, groups, matrices)
        right = right.new_zeros(size, right.shape[1]).index_add(0, groups, right)
        shape = shape.new_zeros(size, shape.shape[1]).index_copy(0, groups, shape)
    matrices = matrices + torch.eye(matrices.shape[-1]).to(matrices)
    factor = torch.linalg.cholesky(matrices)
    step = torch.cholesky_solve((right - shape)[..., None], factor)[..., 0]
    covariance = torch.cholesky_inverse(factor)
    if groups is not None:
        step, covariance = step[groups], covariance[groups]
    return step, covariance
