# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fit looks for, how far it is, and what it expects beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..rotations import matrix_from_rotvec
from .points import FitPoints
from .posed_points import Posed

SMALLEST_SINE = 1e-6
# Of the 9 entries of a matrix, row by row: half of zy - yz, xz - zx and yx - xy, and the trace.
AXIAL_AND_TRACE = (
    (0.0, 0.0, 0.0, 1.0),
    (0.0, 0.0, -0.5, 0.0),
    (0.0, 0.5, 0.0, 0.0),
    (0.0, 0.0, 0.5, 0.0),
    (0.0, 0.0, 0.0, 1.0),
    (-0.5, 0.0, 0.0, 0.0),
    (0.0, -0.5, 0.0, 0.0),
    (0.5, 0.0, 0.0, 0.0),
    (0.0, 0.0, 0.0, 1.0),
)


class State(NamedTuple):
    """orientations [P,J,3,3] in space; shape [P,C]; log_scale [P], 0 where scale is not free."""

    orientations: Tensor
    shape: Tensor
    log_scale: Tensor

    def where(self, condition: Tensor, other: State) -> State:
        """This state for people of whom the condition [P] is true, the other for the others."""
        return State(
            *(
                torch.where(condition.view(-1, *[1] * (mine.ndim - 1)), mine, theirs)
                for mine, theirs in zip(self, other, strict=True)
            )
        )


@dataclass(frozen=True)
class Unknowns:
    """What may change: turns [P,J] and shape [P,C], True where free; scale [P], or None where
    nobody's is. expected [P,J,3,3]: local rotations that are expected, give or take `turn`."""

    turns: Tensor
    shape: Tensor
    scale: Tensor | None
    expected: Tensor
    turn: float

    def people(self, chosen: Tensor | slice) -> Unknowns:
        """Some of the people."""
        scale = None if self.scale is None else self.scale[chosen]
        return Unknowns(
            self.turns[chosen], self.shape[chosen], scale, self.expected[chosen], self.turn
        )

    @property
    def free_turns(self) -> Tensor:
        """[P,3J]: turns, one by one."""
        return self.turns.repeat_interleave(3, 1)

    @property
    def free_shape(self) -> Tensor:
        """[P,S]: shape, and the scale where it is free."""
        if self.scale is None:
            return self.shape
        return torch.cat([self.shape, self.scale[:, None]], 1)

    def shape_of(self, state: State) -> Tensor:
        """The shape [P,S] as steps change it, with the scale's logarithm where it is free."""
        if self.scale is None:
            return state.shape
        return torch.cat([state.shape, state.log_scale[:, None]], 1)

    def bends(self, points: FitPoints, state: State, posed: Posed) -> Tensor:
        """How far [P,3J] the joints are from where they are expected, turns in axes of space."""
        tree = points.tree
        bent = _turn_vectors(posed.local @ self.expected.mT)
        turned = (state.orientations[:, tree.parent] @ bent[..., None])[..., 0].clone()
        turned[:, tree.root] = 0.0
        return turned.flatten(1)


def expected_rotations(rotvecs: Tensor | None, people: int, joints: int, like: Tensor) -> Tensor:
    """Rotations [P,J,3,3] of expected rotation vectors [P,J,3], none by default."""
    if rotvecs is None:
        rotvecs = like.new_zeros(people, joints, 3)
    return matrix_from_rotvec(rotvecs)


def _turn_vectors(rotations: Tensor) -> Tensor:
    """Rotation vectors [...,3] of rotations [...,3,3], quickly; the axis is lost near half a turn,
    where no expectation has a direction."""
    sums = rotations.flatten(-2) @ torch.tensor(AXIAL_AND_TRACE).to(rotations)
    axial, cosine = sums[..., :3], (sums[..., 3] - 1) / 2
    sine = axial.square().sum(-1).clamp_min(SMALLEST_SINE**2).sqrt()
    angle = torch.atan2(sine, cosine)
    return axial * (angle / sine)[..., None]
