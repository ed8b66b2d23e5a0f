# SPDX-License-Identifier: GPL-3.0-or-later
"""The fine stages: nearest points of the whole surface, drawn to tangent planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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
    """plane: 1 draws to planes alone; steps: the most; sample: scan points that look for the
    body."""

    name: str
    plane: float
    steps: int
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


class Refinement:
    """Fine stages of one scan."""

    def __init__(
        self, surface: Surface, scan: ScanTarget, prior: PosePrior, partial: bool, scale: bool
    ) -> None:
        self.surface, self.scan, self.prior = surface, scan, prior
        self.partial, self.scale = partial, scale

    def run(
        self, stage: FineStage, state: State, step: Callable[[int, int], None]
    ) -> tuple[State, Tensor]:
        """All bodies of a state after the stage, and their mean distances in metres.

        step(done, total) hears progress and may raise.
        """
        moved, costs = [], []
        for number in range(len(state)):
            body = state.select(torch.tensor([number]))

            def said(turn: int, number: int = number) -> None:
                step(number * stage.steps + turn, len(state) * stage.steps)

            body, cost = self._settle(stage, body, said)
            moved.append(body)
            costs.append(cost)
        return join(moved), torch.cat(costs).nan_to_num(torch.inf)

    def best(
        self, stage: FineStage, state: State, keep: int, step: Callable[[int, int], None]
    ) -> State:
        """The `keep` best bodies after the stage, best first."""
        moved, cost = self.run(stage, state, step)
        return moved.select(cost.argsort()[:keep])

    def lost_share(self, state: State, far: float) -> float:
        """How much of the scan, or of the one body's surface, the larger, is `far` from the other;
        of a partial scan, how much of the scan."""
        points = self.surface.dense.pose(state).points[0].numpy()
        scan = self.scan.points[self.scan.sample]
        lost = float((cKDTree(points).query(scan)[0] > far).mean())
        if self.partial:
            return lost
        return max(lost, float(self.surface.weights @ (self.scan.tree.query(points)[0] > far)))

    def _settle(
        self, stage: FineStage, body: State, said: Callable[[int], None]
    ) -> tuple[State, Tensor]:
        """One body after at most `stage.steps` steps, and its mean distance [1]."""
        scan = replace(self.scan, sample=self.scan.sample[: stage.sample])
        settings = NearestSettings(plane=stage.plane, partial=self.partial)
        before = None
        for turn in range(stage.steps):
            said(turn)
            pull = self.surface.pull(body, scan, settings)
            posed = self.surface.points.pose(body)
            if before is not None and _moved(before, posed.points) < SETTLED:
                return body, pull.cost
            before = posed.points
            sigma = max(float(pull.cost[0]), LEAST_SIGMA)
            how = StepSettings(sigma, EVIDENCE, scale=self.scale)
            body = gauss_newton_step(self.surface.points, self.prior, body, posed, pull, how)
        return body, self.surface.pull(body, scan, settings).cost


def _moved(before: Tensor, after: Tensor) -> float:
    return float((after - before).norm(dim=-1).mean())
