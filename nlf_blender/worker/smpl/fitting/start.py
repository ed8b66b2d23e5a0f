# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a fit begins, and what of it is held fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..rotations import matrix_from_rotvec
from .kabsch import part_orientations
from .points import FitPoints
from .state import State, Unknowns, expected_rotations
from .targets import Targets

LIKELY_SIZES = (0.4, 2.5)  # of a person in metres, relative to the mean body


class Parameters(Protocol):
    """What a fit can start from: a fit before, or a `FitStart`."""

    @property
    def pose(self) -> Tensor: ...
    @property
    def betas(self) -> Tensor: ...
    @property
    def scale(self) -> Tensor | None: ...
    @property
    def kid(self) -> Tensor | None: ...


@dataclass(frozen=True)
class FitStart:
    """pose [P,J,3]: rotation vectors relative to the parent; betas [P,B]; scale [P]; kid [P]."""

    pose: Tensor
    betas: Tensor
    scale: Tensor | None = None
    kid: Tensor | None = None


@dataclass(frozen=True)
class Known:
    """What is known beforehand, as the arguments of `fit`."""

    betas: Tensor | None
    scale: Tensor | None
    pose: Tensor | None
    expected: Tensor | None

    def checked(self, like: Tensor, people: int, joints: int) -> Known:
        """The same as `like`. ValueError if a shape does not agree or a known shape has gaps."""
        shapes = {
            "betas": (people, None), "scale": (people,),
            "pose": (people, joints, 3), "expected": (people, joints, 3),
        }  # fmt: skip
        result: dict[str, Tensor | None] = {}
        for name, shape in shapes.items():
            value: Tensor | None = getattr(self, name)
            result[name] = None if value is None else value.to(like)
            if value is None:
                continue
            wanted = tuple(a if b is None else b for a, b in zip(value.shape, shape, strict=False))
            if value.ndim != len(shape) or tuple(value.shape) != wanted:
                raise ValueError(f"known or expected {name} of shape {tuple(value.shape)}")
            if name != "pose" and not value.isfinite().all():
                raise ValueError(f"known or expected {name} must be finite")
        return Known(**result)

    def people(self, chosen: slice) -> Known:
        """Some of the people."""
        parts = (self.betas, self.scale, self.pose, self.expected)
        return Known(*(None if item is None else item[chosen] for item in parts))


def unknowns_of(
    points: FitPoints, known: Known, people: int, free_scale: Tensor, turn: float
) -> Unknowns:
    """What is left to find for some people; free_scale [P]: True where size is to be found."""
    like = points.template
    turns = torch.ones(people, points.joint_count, dtype=torch.bool, device=like.device)
    if known.pose is not None:
        turns = known.pose.isnan().any(-1)
    shape = torch.ones(people, points.column_count, dtype=torch.bool, device=like.device)
    if known.betas is not None:
        shape[:, : known.betas.shape[1]] = False
    expected = expected_rotations(known.expected, people, points.joint_count, like)
    return Unknowns(turns, shape, free_scale if free_scale.any() else None, expected, turn)


def starting_state(
    points: FitPoints,
    targets: Targets,
    known: Known,
    start: Parameters | None,
    solve_scale: bool,
) -> tuple[State, Tensor]:
    """The state to begin with, and [P]: True where the scale is to be found, asked or not.

    Points that lie so far apart, or so close, that they cannot be a person's in metres, can only
    be fitted with another scale.
    """
    like = points.template
    people = len(targets.weights)
    if start is None:
        orientations, size = part_orientations(points, targets)
        shape = like.new_zeros(people, points.column_count)
        strange = (size < LIKELY_SIZES[0]) | (size > LIKELY_SIZES[1])
    else:
        rest = points.joints_template.expand(people, -1, -1)
        turns = matrix_from_rotvec(start.pose.detach().to(like))
        orientations = points.model.joint_transforms(turns, rest)[0]
        shape = _shape_of(points, start)
        size = torch.ones(people).to(like) if start.scale is None else start.scale.detach().to(like)
        strange = size != 1
    if known.betas is not None:
        shape[:, : known.betas.shape[1]] = known.betas
    free = (torch.ones_like(strange) if solve_scale else strange) & (size > 0)
    scale = torch.where(free, size, 1.0)
    if known.scale is not None:
        free, scale = torch.zeros_like(free), known.scale
    return State(_held(points, orientations, known.pose), shape, scale.log()), free


def _shape_of(points: FitPoints, start: Parameters) -> Tensor:
    shape = points.template.new_zeros(len(start.betas), points.column_count)
    count = min(points.beta_count, start.betas.shape[1])
    shape[:, :count] = start.betas.detach()[:, :count].to(shape)
    if points.column_count > points.beta_count and start.kid is not None:
        shape[:, points.beta_count] = start.kid.detach().to(shape)
    return shape


def _held(points: FitPoints, orientations: Tensor, pose: Tensor | None) -> Tensor:
    """The orientations, with joints whose turns are known at these, all others as they are."""
    if pose is None:
        return orientations
    held = list(orientations.unbind(1))
    known = ~pose.isnan().any(-1)
    turns = matrix_from_rotvec(pose.nan_to_num())
    model = points.model
    for level in model.levels:
        for joint in level:
            above = model.parents[joint]
            there = turns[:, joint] if above < 0 else held[above] @ turns[:, joint]
            held[joint] = torch.where(known[:, joint, None, None], there, held[joint])
    return torch.stack(held, 1)
