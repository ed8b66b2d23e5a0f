# SPDX-License-Identifier: GPL-3.0-or-later
"""Gauss-Newton steps on orientations and shape together, for all people of a batch at once.

Each step solves a regularized linear least-squares problem as the NLF paper's alternation does, but
for turns and shape in one, so that the few steps it is given end at the optimum. Where a step makes
matters worse, it is taken back and damped (Levenberg 1944, Marquardt 1963).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..rotations import matrix_from_rotvec
from .linear_system import Factors, factorize
from .normal_equations import Gradient, gradient, scale_gradient
from .points import FitPoints
from .posed_points import Posed, pose_points
from .state import State, Unknowns
from .targets import LEAST_UNCERTAINTY, Targets, coarse_targets

# The matrix is renewed while some joint still turns by more than this, radians; below, the old one
# leads as straight to the optimum, at a fraction of the cost.
RENEW_TURN = 0.15
CALM_TURN = 5e-4  # radians; who turns by less has all but arrived
LONGEST_TURN = 1.0  # radians; of one joint in one step
FEWEST_FREE = 0.1  # of all coordinates: what is left at least after taking off the unknowns
# A step is taken back if it makes the sum of squares larger by more than rounding does.
WORSE = 1.02
WORSE_SQUARE = 1e-10  # m^2
FIRST_DAMPING = 1e-3
DAMPING_FACTOR = 10.0
# Fewer points stand for all where every joint has about the same share of their weights.
LIKE_SHARES = (0.7, 1.4)


class Look(NamedTuple):
    """What there is to see at a state: the posed points, the gradient, how far [P,3J] joints are
    from where they are expected, and how unlikely [P] pose and shape are by themselves."""

    state: State
    posed: Posed
    slope: Gradient
    bends: Tensor
    unlikely: Tensor


class Batch:
    """Some people on their way: their state, and the step that is being prepared."""

    def __init__(
        self, points: FitPoints, targets: Targets, unknowns: Unknowns, state: State
    ) -> None:
        self.points = points
        self.targets = targets
        self.unknowns = unknowns
        self.state = state
        self.shared = False  # whether others have the same shape: it cannot be taken back alone
        self.factors: Factors | None = None
        self.longest_turn = torch.full_like(targets.variance, torch.inf)  # [P], of the last step
        self.doubt = targets.variance  # of the mean of all points, m^2, as of the last `prepare`
        self._damping = torch.zeros_like(targets.variance, dtype=torch.float64)
        self._accepted: Look | None = None
        self._turn_pull = state.shape

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
        batch = Batch(few.points, targets, self.unknowns, self.state)
        batch.shared = self.shared
        return batch

    def go_on_from(self, other: Batch) -> None:
        """Take over what another batch of the same people has found, matrix included."""
        self.state, self.factors = other.state, other.factors
        self.longest_turn = torch.zeros_like(other.longest_turn)

    def prepare(self, renew: bool = False) -> tuple[Tensor, Tensor]:
        """Linearize here. Returns the shape's normal matrix [P,S,S] and right-hand side [P,S].

        renew: with a new matrix also for those who all but stand still.
        """
        look = self._look()
        worse = self._worse(look.slope.mean_square, look.unlikely)
        if worse is not None:
            self._step_back(worse)
            look = self._look()
        with torch.no_grad():
            self.doubt = self._doubt(look.slope)
            if renew:
                self.factors = None
            self.factors = self._renewed(look.posed)
        self._accepted = None if self.shared else look
        return self.factors.shape, self._reduce(look, self.factors)

    def settle(self) -> Posed:
        """The points posed as found in the end, after the last `advance`."""
        posed = pose_points(self.points, self.state.orientations, self.state.shape)
        square = (self.residuals(posed).square() * self.targets.weights[:, None]).sum((1, 2))
        worse = self._worse(square, self._unlikely(posed)[1])
        if worse is None:
            return posed
        self._step_back(worse)
        return pose_points(self.points, self.state.orientations, self.state.shape)

    def unexpected_shape(self) -> Tensor:
        """How far [P,S] the shape is from the expected one, after `prepare`; 0 where it is held.

        It counts less where the points turned out more certain than the matrix was made for.
        """
        assert self.factors is not None
        fading = (self.doubt / self.factors.doubt)[:, None]
        return self.unknowns.shape_of(self.state) * self.unknowns.free_shape * fading

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

    def _look(self) -> Look:
        state, weights = self.state, self.targets.weights
        posed = pose_points(self.points, state.orientations, state.shape)
        residuals = self.residuals(posed)
        slope = gradient(self.points, state.orientations, posed, weights, residuals)
        if self.unknowns.scale is not None:
            extra = scale_gradient(posed, weights, residuals)
            slope = slope._replace(shape=torch.cat([slope.shape, extra], 1))
        return Look(state, posed, slope, *self._unlikely(posed))

    def _unlikely(self, posed: Posed) -> tuple[Tensor, Tensor]:
        bends = self.unknowns.bends(self.points, self.state, posed)
        shape = self.state.shape.square().sum(1)
        return bends, bends.square().sum(1) / self.unknowns.turn**2 + shape

    @torch.no_grad()
    def _worse(self, mean_square: Tensor, unlikely: Tensor) -> Tensor | None:
        """[P]: whose last step made matters worse; None if nobody's did."""
        before = self._accepted
        if before is None:
            return None
        after = mean_square + self.doubt * unlikely
        limit = WORSE * (before.slope.mean_square + self.doubt * before.unlikely) + WORSE_SQUARE
        worse = after > limit
        return worse if bool(worse.any()) else None

    def _step_back(self, worse: Tensor) -> None:
        assert self._accepted is not None
        self.state = self._accepted.state.where(worse, self.state)
        more = (self._damping * DAMPING_FACTOR).clamp_min(FIRST_DAMPING)
        self._damping = torch.where(worse, more, self._damping / DAMPING_FACTOR)
        self.longest_turn = torch.where(worse, torch.inf, self.longest_turn)

    def _renewed(self, posed: Posed) -> Factors:
        """The factors, made anew for those who still move."""
        moving = torch.nonzero(self.longest_turn > RENEW_TURN)[:, 0]
        if self.factors is not None and len(moving) == 0:
            return self.factors
        everybody = self.factors is None or len(moving) == len(self.longest_turn)
        chosen = slice(None) if everybody else moving
        fresh = factorize(
            self.points,
            self.state.orientations[chosen],
            Posed(*(item[chosen] for item in posed)),
            self.targets.weights[chosen],
            self.unknowns.people(chosen),
            self.doubt[chosen],
            self._damping[chosen],
        )
        if self.factors is None or everybody:
            return fresh
        merged = zip(self.factors, fresh, strict=True)
        return Factors(*(old.index_copy(0, moving, new) for old, new in merged))

    def _reduce(self, look: Look, factors: Factors) -> Tensor:
        """The right-hand side [P,S] of the shape, turns eliminated, over doubt."""
        least, count = factors.least, look.bends.shape[1]
        expected = least[:, :count] + (self.doubt - factors.doubt)[:, None] / self.unknowns.turn**2
        pull = look.slope.turns.double() - expected * look.bends.double()
        self._turn_pull = self.unknowns.free_turns * pull
        shape = self.unknowns.shape_of(self.state).double()
        pull = look.slope.shape.double() - least[:, count:] * shape
        pull = self.unknowns.free_shape * pull
        pull = pull - (factors.solved.mT @ self._turn_pull[..., None])[..., 0]
        return pull / factors.doubt[:, None]

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
