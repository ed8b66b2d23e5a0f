# SPDX-License-Identifier: GPL-3.0-or-later
"""The coarse stages: all starts at once, drawn by transport over a shrinking blur."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .body_points import BodyPoints, State, join
from .correspond import Cloud, TransportSettings, transport_cost, transport_pull
from .solve import PosePrior, StepSettings, gauss_newton_step

GROUP = 64  # bodies that are moved at once: keeps the arrays in the cache, and cancelling quick


@dataclass(frozen=True)
class CoarseStage:
    """One stage: body and scan points, blurs in metres from first to last, and what it keeps.

    keep: how many of the best bodies stay; apart: metres, on the mean over the points, by which
    two that stay must differ."""

    name: str
    body_points: int
    scan_points: int
    first_sigma: float
    last_sigma: float
    steps: int
    keep: int
    apart: float


@dataclass(frozen=True)
class WeighedPoints:
    """Body points and their share [N] of the surface."""

    points: BodyPoints
    weights: Tensor


def run_stage(
    stage: CoarseStage,
    body: WeighedPoints,
    scan: Cloud,
    prior: PosePrior,
    state: State,
    options: TransportSettings,
    step: Callable[[int, int], None],
) -> tuple[State, Tensor]:
    """The best, distinct bodies after the stage, best first, and their costs.

    scan: points [M,3]; options: reaches and sign of the normals; step(done, total) hears progress
    and may raise."""
    sigmas = np.geomspace(stage.first_sigma, stage.last_sigma, stage.steps)
    moved, costs = [], []
    groups = torch.arange(len(state)).split(GROUP)
    total = len(groups) * len(sigmas)
    for number, index in enumerate(groups):
        group = state.select(index)
        for turn, sigma in enumerate(sigmas):
            step(number * len(sigmas) + turn, total)
            settings = replace(options, sigma=float(sigma))
            posed = body.points.pose(group)
            cloud = Cloud(posed.points, posed.normals)
            pull = transport_pull(cloud, body.weights, scan, settings)
            step_settings = StepSettings(float(sigma))
            group = gauss_newton_step(body.points, prior, group, posed, pull, step_settings)
        posed = body.points.pose(group)
        cloud = Cloud(posed.points, posed.normals)
        costs.append(transport_cost(cloud, body.weights, scan, options))
        moved.append((group, posed.points))
    state = join([group for group, _ in moved])
    cost = torch.cat(costs)
    chosen = distinct(torch.cat([points for _, points in moved]), cost, stage.keep, stage.apart)
    return state.select(chosen), cost[chosen]


def distinct(points: Tensor, cost: Tensor, keep: int, apart: float) -> Tensor:
    """Indices of at most `keep` bodies with points [S,N,3], cheapest first, all `apart`."""
    chosen: list[int] = []
    for candidate in cost.argsort().tolist():
        if not torch.isfinite(cost[candidate]):
            continue
        others = points[chosen]
        if (
            len(chosen) == 0
            or float((others - points[candidate]).norm(dim=-1).mean(-1).min()) > apart
        ):
            chosen.append(candidate)
        if len(chosen) == keep:
            break
    return torch.tensor(chosen)
