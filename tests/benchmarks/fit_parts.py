# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of a fit cost by themselves, and with them the least that a fit can."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.fitting.kabsch import part_orientations
from nlf_blender.worker.smpl.fitting.linear_system import factorize
from nlf_blender.worker.smpl.fitting.normal_equations import gradient
from nlf_blender.worker.smpl.fitting.points import FitPoints, fit_points
from nlf_blender.worker.smpl.fitting.posed_points import pose_points
from nlf_blender.worker.smpl.fitting.state import Unknowns, expected_rotations
from nlf_blender.worker.smpl.fitting.targets import Targets, coarse_targets, make_targets

from .sampling import BETAS, People
from .timing import seconds_of

ROUNDS = 20
# How often a fit that ends at the optimum needs each part, at the least.
LEAST = {"start": 1, "look, few points": 2, "matrix, few points": 2, "look, all points": 2}


@torch.inference_mode()
def part_times(model: BodyModel, people: People) -> dict[str, float]:
    """Milliseconds per body of each part, and of the least that a fit needs of all, "least fit".

    With the spread vertices and the joints of all people at once; a look is the posed points with
    the gradient there.
    """
    joints = torch.arange(people.joints.shape[1])
    points = fit_points(model, model.spread_vertices, joints, BETAS, False)
    seen = torch.cat([people.vertices[:, model.spread_vertices], people.joints], 1)
    targets = make_targets(seen, torch.ones(seen.shape[:2]), None, 2.0, None)
    few = points.coarse
    assert few is not None
    few_targets = coarse_targets(targets, few.rows, few.counts)
    orientations, _ = part_orientations(points, targets)
    parts: dict[str, Callable[[], Any]] = {
        "start": lambda: part_orientations(points, targets),
        "look, few points": lambda: _look(few.points, few_targets, orientations),
        "matrix, few points": _factors(few.points, few_targets, orientations),
        "look, all points": lambda: _look(points, targets, orientations),
    }
    times = {name: _milliseconds(part) / len(people) for name, part in parts.items()}
    return times | {"least fit": sum(times[name] * count for name, count in LEAST.items())}


def _look(points: FitPoints, targets: Targets, orientations: Tensor) -> None:
    posed = pose_points(points, orientations, _no_shape(targets))
    residuals = targets.points - posed.points + posed.points @ targets.weights[..., None]
    gradient(points, orientations, posed, targets.weights, residuals)


def _factors(points: FitPoints, targets: Targets, orientations: Tensor) -> Callable[[], Any]:
    people, joints = orientations.shape[:2]
    shape = _no_shape(targets)
    unknowns = Unknowns(
        torch.ones(people, joints, dtype=torch.bool),
        torch.ones_like(shape, dtype=torch.bool),
        None,
        expected_rotations(None, people, joints, shape),
        0.5,
    )
    posed = pose_points(points, orientations, shape)
    doubt = torch.full((people,), 1e-7, dtype=torch.float64)
    weights = targets.weights
    damping = torch.zeros_like(doubt)
    return lambda: factorize(points, orientations, posed, weights, unknowns, doubt, damping)


def _no_shape(targets: Targets) -> Tensor:
    return targets.weights.new_zeros(len(targets.weights), BETAS)


def _milliseconds(part: Callable[[], Any]) -> float:
    part()
    return 1000 * statistics.median(
        seconds_of(lambda _: part(), None, "cpu")[0] for _ in range(ROUNDS)
    )
