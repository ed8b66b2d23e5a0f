# SPDX-License-Identifier: GPL-3.0-or-later
"""The fine stages: nearest points of the whole surface, drawn to tangent planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from .body_points import BodyPoints, State, join
from .correspond import Pull
from .nearest import NearestSettings, ScanTarget, nearest_pull
from .solve import PosePrior, StepSettings, gauss_newton_step

EVIDENCE = 600.0  # independent targets that thousands of nearest points are worth
LEAST_SIGMA = 0.001  # metres
SETTLED = 5e-5  # metres that points move by, on the mean, in a step of a fit that has arrived


@dataclass(frozen=True)
class FineStage:
    """plane: 1 draws to planes alone; steps: the most; keep: bodies that stay; sample: scan points
    that look for the body."""

    name: str
    plane: float
    steps: int
    keep: int
    sample: int


class Surface:
    """All outer vertices of a body, and the fewer points that move for them."""

    def __init__(self, dense: BodyPoints, points: BodyPoints, areas: np.ndarray) -> None:
        """areas [V]: of the dense vertices."""
        self.dense, self.points = dense, points
        self.weights = areas / areas.sum()
        self.owners = cKDTree(points.template.numpy()).query(dense.template.numpy())[1]

    def pull(self, state: State, scan: ScanTarget, settings: NearestSettings) -> Pull:
        """The pull on each body of a state."""
        posed = self.dense.pose(state)
        pulls = [
            nearest_pull(points.numpy(), normals.numpy(), self.weights, self.owners, scan, settings)
            for points, normals in zip(posed.points, posed.normals, strict=True)
        ]
        return Pull(
            torch.cat([pull.information for pull in pulls]),
            torch.cat([pull.pull for pull in pulls]),
            torch.cat([pull.cost for pull in pulls]),
        )


def run_fine(
    stage: FineStage,
    surface: Surface,
    scan: ScanTarget,
    prior: PosePrior,
    state: State,
    partial: bool,
    scale: bool,
    step: Callable[[int, int], None],
) -> tuple[State, Tensor]:
    """The best bodies after the stage, best first, and their mean distances in metres."""
    settings = NearestSettings(plane=stage.plane, partial=partial)
    moved, costs = [], []
    for number in range(len(state)):
        body = state.select(torch.tensor([number]))
        before = None
        for turn in range(stage.steps):
            step(number * stage.steps + turn, len(state) * stage.steps)
            pull = surface.pull(body, scan, settings)
            posed = surface.points.pose(body)
            if before is not None and _moved(before, posed.points) < SETTLED:
                break
            before = posed.points
            sigma = max(float(pull.cost[0]), LEAST_SIGMA)
            settings_step = StepSettings(sigma, EVIDENCE, scale=scale)
            body = gauss_newton_step(surface.points, prior, body, posed, pull, settings_step)
        moved.append(body)
        costs.append(surface.pull(body, scan, settings).cost)
    cost = torch.cat(costs)
    chosen = cost.nan_to_num(torch.inf).argsort()[: stage.keep]
    return join(moved).select(chosen), cost[chosen]


def _moved(before: Tensor, after: Tensor) -> float:
    return float((after - before).norm(dim=-1).mean())
