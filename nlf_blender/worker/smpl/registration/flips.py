# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that were registered turned round: the other way is tried, and kept if it fits better.

From afar a hand is a flat thing, so that a registration may settle with the palm where the back of
the hand is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from ..rotations import matrix_from_rotvec
from .body_points import BodyPoints, State, join
from .fine import FineStage, Refinement

STAGE = FineStage("Turning hands", 0.8, 10, 2000)
CLEARLY = 0.995  # of the distance before: what a turned hand must come below


def turn_hands(refinement: Refinement, state: State, step: Callable[[int, int], None]) -> State:
    """The one body of `state` with each hand half round its forearm where that fits better."""
    points = refinement.surface.points
    names = points.model.body.skeleton.joint_names
    wrists = [joint for joint, name in enumerate(names) if "wrist" in name.lower()]
    if not wrists:
        return state
    turned = [half_turned(points, state, joint) for joint in wrists]
    moved, cost = refinement.run(STAGE, join([state, *turned]), step)
    order = cost.argsort().tolist()
    best, least = moved.select(torch.tensor(order[:1])), cost[order[0]]
    for number in order[1:]:
        if number == 0 or cost[number] > CLEARLY * cost[0]:
            break
        both, distance = refinement.run(STAGE, half_turned(points, best, wrists[number - 1]), step)
        if distance[0] < least:
            best, least = both, distance[0]
    return best


def half_turned(points: BodyPoints, state: State, joint: int) -> State:
    """The bodies with a joint turned by pi about the bone that leads to it."""
    rest = points.model.rest_joints(state.betas)
    bone = rest[:, joint] - rest[:, points.model.parents[joint]]
    turn = matrix_from_rotvec(torch.nn.functional.normalize(bone, dim=-1) * torch.pi)
    rotations = state.rotations.clone()
    rotations[:, joint] = turn @ rotations[:, joint]
    return replace(state, rotations=rotations)
