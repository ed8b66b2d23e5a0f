# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a registration starts from: orientations of the whole body times typical poses."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ..body_model import BodyModel
from ..rotations import matrix_from_rotvec
from .body_points import BodyPoints, State

HEADINGS = 8
LEANS = (-0.5, 0.5)  # radians to either side, forward and back
# Turns of joints, radians, by a part of their name; those of "shoulder" and the like are given for
# the left side and mirrored, those of "l_shoulder" are for one side only.
Turn = tuple[float, float, float]
START_POSES: tuple[dict[str, Turn], ...] = (
    {"shoulder": (0.0, 0.0, -0.5)},
    {"shoulder": (0.0, 0.0, -1.25), "knee": (0.2, 0.0, 0.0)},
    {
        "shoulder": (0.0, -0.6, -0.9),
        "elbow": (0.0, -0.8, 0.0),
        "hip": (-1.2, 0.0, 0.15),
        "knee": (1.4, 0.0, 0.0),
    },
    {"l_shoulder": (0.0, 0.0, 1.2), "r_shoulder": (0.0, 0.0, 1.2)},
    {"l_shoulder": (0.0, 0.0, -1.2), "r_shoulder": (0.0, 0.0, -1.2)},
    {"shoulder": (0.0, -1.3, 0.0)},
    {"shoulder": (0.0, 0.0, 1.2)},
)


def starting_states(
    points: BodyPoints, weights: Tensor, scan_points: Tensor, any_orientation: bool, most: int
) -> State:
    """At most `most` starts as one state of S bodies, each with its centroid on the scan's.

    weights [N]: the body points' areas, summing to 1; scan_points [M,3]. Starts that are left out
    are spread over all of them.
    """
    model = points.model
    turns = leaning(headings(HEADINGS).to(scan_points))
    if any_orientation:
        turns = torch.cat([turns, leaning(principal_orientations(scan_points))])
    poses = torch.stack([start_pose(model, pose) for pose in START_POSES]).to(scan_points)
    rotations = matrix_from_rotvec(poses).repeat_interleave(len(turns), 0)
    rotations[:, model.body.skeleton.root] = turns.repeat(len(poses), 1, 1)
    if len(rotations) > most:
        kept = torch.linspace(0, len(rotations) - 1, most).round().long()
        rotations = rotations[kept]
    count = len(rotations)
    state = State(
        rotations,
        scan_points.new_zeros(count, points.shapedirs.shape[2]),
        scan_points.new_zeros(count, 3),
        scan_points.new_ones(count),
    )
    centroid = weights @ points.pose(state).points
    return State(state.rotations, state.betas, scan_points.mean(0) - centroid, state.scale)


def leaning(turns: Tensor) -> Tensor:
    """Turns [K,3,3], and each with the body leaning to either side, forward and back: [5K,3,3]."""
    leans = [(0.0, 0.0, 0.0)]
    leans += [(lean, 0.0, 0.0) for lean in LEANS] + [(0.0, 0.0, lean) for lean in LEANS]
    return torch.cat([turns @ matrix_from_rotvec(turns.new_tensor(lean)) for lean in leans])


def headings(count: int) -> Tensor:
    """Turns [count,3,3] about the vertical."""
    angles = torch.arange(count) * (2 * torch.pi / count)
    return matrix_from_rotvec(torch.stack([0 * angles, angles, 0 * angles], -1))


def principal_orientations(scan_points: Tensor) -> Tensor:
    """The 24 turns [24,3,3] that lay the body's axes along the scan's principal axes."""
    centred = scan_points - scan_points.mean(0)
    axes = torch.linalg.eigh(centred.T @ centred).eigenvectors
    turns = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            turn = axes[:, list(order)] * axes.new_tensor(signs)
            if torch.linalg.det(turn) > 0:
                turns.append(turn)
    return torch.stack(turns)


def start_pose(model: BodyModel, turns: dict[str, Turn]) -> Tensor:
    """Rotation vectors [J,3] of a pose as in START_POSES."""
    pose = torch.zeros(len(model.parents), 3)
    for joint, name in enumerate(model.body.skeleton.joint_names):
        lower = name.lower()
        turn = next((value for key, value in turns.items() if key in lower), None)
        if turn is None:
            continue
        one_sided = lower in turns
        mirrored = lower.startswith("r") and not one_sided
        pose[joint] = torch.tensor((turn[0], -turn[1], -turn[2]) if mirrored else turn)
    return pose
