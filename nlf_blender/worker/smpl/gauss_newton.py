# SPDX-License-Identifier: GPL-3.0-or-later
"""Gauss-Newton steps on orientations and shape together, for all people of a batch at once.

Each step solves a regularized linear least-squares problem as the NLF paper's alternation does, but
for turns and shape in one, so that the few steps it is given end at the optimum. Expectations enter
as in Bayes' rule: a beta of 0 give or take 1, parts in line with their parents give or take
`Expectations.turn`, against the variance of the points; they fade as evidence grows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from .fit_points import FitPoints
from .fit_targets import LEAST_UNCERTAINTY, Targets, coarse_targets
from .normal_equations import (
    Gradient,
    NormalMatrix,
    gradient,
    normal_matrix,
    scale_gradient,
)
from .posed_points import Posed, pose_points
from .rotations import matrix_from_rotvec

# The matrix is renewed while some joint still turns by more than this, radians; below, the old one
# leads as straight to the optimum, at a fraction of the cost.
RENEW_TURN = 0.1
LONGEST_TURN = 1.0  # radians; of one joint in one step
# Of what a joint's or a component's points say, expectations count at least this share: sums know
# no better, and a turn that is open must not follow their rounding.
LEAST_SHARE = 1e-8
SMALLEST_SINE = 1e-6
FEWEST_FREE = 0.1  # of all coordinates: what is left at least after taking off the unknowns


# Fewer points stand for all where every joint has about the same share of their weights.
LIKE_SHARES = (0.7, 1.4)


class State(NamedTuple):
    """orientations [P,J,3,3] in space; shape [P,C]; log_scale [P], 0 where scale is not free."""

    orientations: Tensor
    shape: Tensor
    log_scale: Tensor


@dataclass(frozen=True)
class Unknowns:
    """What may change: turns [P,J] and shape [P,C], True where free; scale [P], or None where
    nobody's is. expected [P,J,3]: local rotation vectors that are expected, give or take turn."""

    turns: Tensor
    shape: Tensor
    scale: Tensor | None
    expected: Tensor
    turn: float

    def people(self, chosen: slice) -> Unknowns:
        """Some of the people."""
        scale = None if self.scale is None else self.scale[chosen]
        return Unknowns(
            self.turns[chosen], self.shape[chosen], scale, self.expected[chosen], self.turn
        )


class Factors(NamedTuple):
    """The matrix of one linearization, turns eliminated; double precision.

    doubt [P]: the variance of the mean of all points, m^2; least [P,3J+S]: what expectations count,
    for the shape without the one of `solve_shapes`; turns [P,3J,3J]: Cholesky factor; mixed and
    solved [P,3J,S]: how shape acts on turns; shape [P,S,S]: what is left for it, over doubt.
    """

    doubt: Tensor
    least: Tensor
    turns: Tensor
    mixed: Tensor
    solved: Tensor
    shape: Tensor


class Batch:
    """Some people on their way: their state, and the step that is being prepared."""

    def __init__(
        self, points: FitPoints, targets: Targets, unknowns: Unknowns, state: State
    ) -> None:
        self.points = points
        self.targets = targets
        self.unknowns = unknowns
        self.state = state
        self.factors: Factors | None = None
        self.longest_turn = torch.full_like(targets.variance, torch.inf)  # [P], of the last step
        self._expected = matrix_from_rotvec(unknowns.expected)
        self.doubt = targets.variance  # of the mean of all points, m^2, as of the last `prepare`
        self._turn_pull = self._shape_pull = state.shape

    def coarse(self) -> Batch | None:
        """The same people, with fewer points that stand for all; None where these are few already,
        or where their weights differ too much from the others'."""
        few = self.points.coarse
        if few is None:
            return None
        weights = self.targets.weights
        share = (weights[:, few.rows] * few.counts) @ few.points.skin
        expected = few.share * (weights @ self.points.skin)
        low, high = LIKE_SHARES
        if ((share < low * expected) | (share > high * expected)).any():
            return None
        targets = coarse_targets(self.targets, few.rows, few.counts)
        return Batch(few.points, targets, self.unknowns, self.state)

    def go_on_from(self, other: Batch) -> None:
        """Take over what another batch of the same people has found, matrix included."""
        self.state, self.factors = other.state, other.factors
        self.longest_turn = torch.zeros_like(other.longest_turn)

    def prepare(self) -> tuple[Tensor, Tensor]:
        """Linearize here. Returns the shape's normal matrix [P,S,S] and right-hand side [P,S]."""
        state, targets = self.state, self.targets
        posed = pose_points(self.points, state.orientations, state.shape)
        residuals = self.residuals(posed)
        slope = gradient(self.points, state.orientations, posed, targets.weights, residuals)
        if self.unknowns.scale is not None:
            extra = scale_gradient(posed, targets.weights, residuals)
            slope = slope._replace(shape=torch.cat([slope.shape, extra], 1))
        with torch.no_grad():
            self.doubt = self._doubt(slope)
            self.factors = self._renewed(posed)
        return self.factors.shape, self._reduce(slope, self.factors, posed)

    def shape_now(self) -> Tensor:
        """The shape [P,S] that the next step adds to, with the scale's logarithm where free."""
        if self.unknowns.scale is None:
            return self.state.shape
        return torch.cat([self.state.shape, self.state.log_scale[:, None]], 1)

    def unexpected_shape(self) -> Tensor:
        """How far [P,S] the shape is from the expected one, after `prepare`; 0 where it is held.

        It counts less where the points turned out more certain than the matrix was made for.
        """
        assert self.factors is not None
        fading = (self.doubt / self.factors.doubt)[:, None]
        return self.shape_now() * self._free()[1] * fading

    def residuals(self, posed: Posed) -> Tensor:
        """Targets less points [P,3,N], about their weighted means, in the body's own size."""
        targets = self.targets
        aims = targets.points * torch.exp(-self.state.log_scale)[:, None, None]
        means = posed.points @ targets.weights[..., None]
        return aims - posed.points + means

    def advance(self, shape_step: Tensor) -> None:
        """Take the step whose shape part [P,S] was solved for, after `prepare`."""
        assert self.factors is not None
        pull = self._turn_pull - (self.factors.mixed @ shape_step[..., None])[..., 0]
        turns = torch.cholesky_solve(pull[..., None], self.factors.turns)[..., 0]
        turns = turns.to(self.state.shape).unflatten(1, (-1, 3))
        length = turns.norm(dim=-1, keepdim=True)
        self.longest_turn = length.detach().amax((1, 2))
        turns = turns * (LONGEST_TURN / length.clamp_min(LONGEST_TURN))
        carried = matrix_from_rotvec(self.points.tree.ancestors @ turns)
        count = self.points.column_count
        step = shape_step.to(turns)
        log_scale = self.state.log_scale
        if self.unknowns.scale is not None:
            log_scale = log_scale + step[:, count]
        self.state = State(
            carried @ self.state.orientations, self.state.shape + step[:, :count], log_scale
        )

    def _renewed(self, posed: Posed) -> Factors:
        """The factors, made anew for those who still move."""
        moving = torch.nonzero(self.longest_turn > RENEW_TURN)[:, 0]
        if self.factors is None or len(moving) == len(self.longest_turn):
            return self._factorize(posed, slice(None))
        if len(moving) == 0:
            return self.factors
        fresh = self._factorize(Posed(*(item[moving] for item in posed)), moving)
        merged = zip(self.factors, fresh, strict=True)
        return Factors(*(old.index_copy(0, moving, new) for old, new in merged))

    def _factorize(self, posed: Posed, chosen: Tensor | slice) -> Factors:
        """The factors for some of the people, and their posed points."""
        matrix = normal_matrix(
            self.points,
            self.state.orientations[chosen],
            posed,
            self.targets.weights[chosen],
            self.unknowns.scale is not None,
        )
        doubt = self.doubt[chosen]
        least = self._expectations(matrix, doubt)
        free_turns, free_shape = (free[chosen] for free in self._free())
        turn_count = free_turns.shape[1]
        mixed = matrix.mixed.double() * free_turns[..., None] * free_shape[:, None]
        turns = _constrained(matrix.turns, free_turns, least[:, :turn_count])
        shape = _constrained(matrix.shape.double(), free_shape, least[:, turn_count:])
        factor = torch.linalg.cholesky(turns)
        solved = torch.cholesky_solve(mixed, factor)
        shape = (shape - mixed.mT @ solved) / doubt[:, None, None]
        return Factors(doubt, least, factor, mixed, solved, shape)

    def _reduce(self, slope: Gradient, factors: Factors, posed: Posed) -> Tensor:
        """The right-hand side [P,S] of the shape, turns eliminated, over doubt."""
        free_turns, free_shape = self._free()
        least, bent, shape = factors.least, self._bend(posed).double(), self.shape_now().double()
        count = bent.shape[1]
        expected = least[:, :count] + (self.doubt - factors.doubt)[:, None] / self.unknowns.turn**2
        self._turn_pull = free_turns * (slope.turns.double() - expected * bent)
        pull = free_shape * (slope.shape.double() - least[:, count:] * shape)
        pull = pull - (factors.solved.mT @ self._turn_pull[..., None])[..., 0]
        return pull / factors.doubt[:, None]

    def _bend(self, posed: Posed) -> Tensor:
        """How far [P,3J] the joints are from where they are expected, turns in axes of space."""
        tree = self.points.tree
        bent = _turn_vectors(posed.local @ self._expected.mT)
        turned = (self.state.orientations[:, tree.parent] @ bent[..., None])[..., 0].clone()
        turned[:, tree.root] = 0.0
        return turned.flatten(1)

    def _doubt(self, slope: Gradient) -> Tensor:
        """The variance [P] of the mean of all points, m^2 in the body's own size."""
        targets = self.targets
        coordinates = 3 * targets.evidence
        unknown = slope.turns.shape[1] + slope.shape.shape[1] + 3
        free = (1 - unknown / coordinates).clamp_min(FEWEST_FREE)
        found = (slope.mean_square / 3 / free).clamp_min(LEAST_UNCERTAINTY**2)
        said = targets.variance * torch.exp(-2 * self.state.log_scale)
        variance = torch.where(said.isnan(), found, said)
        return (variance / targets.evidence).double()

    def _expectations(self, matrix: NormalMatrix, doubt: Tensor) -> Tensor:
        """What expectations count [P,3J+S], in the units of mean squared distances."""
        bends = doubt[:, None] / self.unknowns.turn**2 + LEAST_SHARE * matrix.levers
        shapes = LEAST_SHARE * matrix.shape.diagonal(dim1=1, dim2=2).double()
        return torch.cat([bends.repeat_interleave(3, 1), shapes], 1)

    def _free(self) -> tuple[Tensor, Tensor]:
        turns, shape = self.unknowns.turns, self.unknowns.shape
        if self.unknowns.scale is not None:
            shape = torch.cat([shape, self.unknowns.scale[:, None]], 1)
        return turns.repeat_interleave(3, 1), shape


def _turn_vectors(rotations: Tensor) -> Tensor:
    """Rotation vectors [...,3] of rotations [...,3,3], quickly; the axis is lost near half a turn,
    where no expectation has a direction."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (row.unbind(-1) for row in rotations.unbind(-2))
    axial = torch.stack([zy - yz, xz - zx, yx - xy], -1) / 2
    sine = axial.square().sum(-1).clamp_min(SMALLEST_SINE**2).sqrt()
    angle = torch.atan2(sine, (xx + yy + zz - 1) / 2)
    return axial * (angle / sine)[..., None]


def _constrained(matrix: Tensor, free: Tensor, least: Tensor) -> Tensor:
    """The matrix with expectations on its diagonal, and identity rows where nothing is free."""
    matrix = matrix * (free[:, None] & free[..., None])
    return matrix + torch.diag_embed(torch.where(free, least, 1.0))


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


def share_shapes(batches: list[Batch], groups: Tensor) -> None:
    """Let the people of each group [P], of all batches in a row, begin with their mean shape and
    scale; where one's scale is to be found, so are the others'."""
    free = [batch.unknowns.scale for batch in batches]
    with_scale = any(item is not None for item in free)
    sizes = [len(batch.targets.weights) for batch in batches]
    for batch, number in zip(batches, free, strict=True):
        if with_scale and number is None:
            none = torch.zeros_like(batch.unknowns.turns[:, 0])
            batch.unknowns = replace(batch.unknowns, scale=none)
    shapes = torch.cat([batch.state.shape for batch in batches])
    scales = torch.cat([batch.state.log_scale for batch in batches])
    shapes = _group_means(shapes, groups).split(sizes)
    scales = _group_means(scales[:, None], groups)[:, 0].split(sizes)
    for batch, shape, scale in zip(batches, shapes, scales, strict=True):
        batch.state = State(batch.state.orientations, shape, scale)
    if with_scale:
        asked = torch.cat([batch.unknowns.scale for batch in batches]).to(shapes[0])
        asked = (_group_means(asked[:, None], groups)[:, 0] > 0).split(sizes)
        for batch, scale in zip(batches, asked, strict=True):
            batch.unknowns = replace(batch.unknowns, scale=scale)


def _group_means(values: Tensor, groups: Tensor) -> Tensor:
    """The mean [P,S] over each one's group of values [P,S]."""
    size = int(groups.max()) + 1 if len(groups) else 0
    sums = values.new_zeros(size, values.shape[1]).index_add(0, groups, values)
    counts = torch.bincount(groups, minlength=size).to(values)
    return (sums / counts[:, None])[groups]
