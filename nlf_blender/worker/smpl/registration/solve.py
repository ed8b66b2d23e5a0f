# SPDX-License-Identifier: GPL-3.0-or-later
"""One Gauss-Newton step of many bodies at once, with priors that fade as the data grow sharp."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..body_model import BodyModel
from ..rotations import rotvec_from_matrix
from .body_points import BodyPoints, Posed, State, moved_state
from .correspond import Pull

LARGEST_TURN = 0.6  # radians that one step may turn a joint by
SCALE_PRECISION = 4.0  # of the scale's logarithm: half as large again is unusual
LEAST_STIFFNESS = 1e-2  # keeps a body solvable that no scan point pulls at


@dataclass(frozen=True)
class PosePrior:
    """mean [J,3] and precision [J], 1/radians^2, of the joints' rotation vectors; 0 of the root."""

    mean: Tensor
    precision: Tensor

    @classmethod
    def of(cls, model: BodyModel) -> PosePrior:
        """A loose prior of the body's joints: by their name, where the name tells."""
        names = [name.lower() for name in model.body.skeleton.joint_names]
        like = model.v_template
        spread = like.new_tensor([_spread(name) for name in names])
        spread[model.body.skeleton.root] = torch.inf
        mean = like.new_zeros(len(names), 3)
        for joint, name in enumerate(names):
            side = 1.0 if name.startswith("l") else -1.0
            if "knee" in name:
                mean[joint, 0] = 0.35
            elif "elbow" in name:
                mean[joint, 1] = -0.5 * side
        return cls(mean, spread.square().reciprocal())


# How far joints turn, radians, by a part of their name
SPREADS = {
    "hip": 0.6,
    "knee": 0.7,
    "ankle": 0.35,
    "foot": 0.2,
    "shoulder": 0.8,
    "elbow": 0.8,
    "wrist": 0.35,
    "hand": 0.2,
    "collar": 0.2,
    "spine": 0.25,
    "neck": 0.3,
    "head": 0.3,
}


def _spread(name: str) -> float:
    return next((value for key, value in SPREADS.items() if key in name), 0.25)


@dataclass(frozen=True)
class StepSettings:
    """sigma: the error of one target, metres; evidence: how many independent targets the scan is
    worth; scale: whether it moves; damping: of place and turns, relative to the data."""

    sigma: float
    evidence: float = 60.0
    scale: bool = False
    damping: float = 1e-3


def gauss_newton_step(
    points: BodyPoints,
    prior: PosePrior,
    state: State,
    posed: Posed,
    pull: Pull,
    settings: StepSettings,
) -> State:
    """The state after one step down the pulls and priors, per body in closed form."""
    jacobian = points.derivatives(state, posed, settings.scale)
    matrix = (jacobian.flatten(1, 2).transpose(1, 2)) @ (pull.information @ jacobian).flatten(1, 2)
    vector = (jacobian * pull.pull[..., None]).sum((1, 2))
    factor = settings.evidence / settings.sigma**2
    matrix, vector = matrix * factor, vector * factor
    _add_priors(matrix, vector, prior, state, posed, settings)
    step = torch.linalg.solve(matrix, vector)
    joints = state.rotations.shape[1]
    turns = step[:, 3 : 3 + 3 * joints].unflatten(1, (joints, 3))
    largest = turns.norm(dim=-1, keepdim=True)
    turns *= (LARGEST_TURN / largest).clamp(max=1.0)
    return moved_state(state, posed, step, settings.scale)


def _add_priors(
    matrix: Tensor,
    vector: Tensor,
    prior: PosePrior,
    state: State,
    posed: Posed,
    settings: StepSettings,
) -> None:
    """Add pose prior, beta prior (unit variance) and damping to the normal equations, in place."""
    joints, betas = state.rotations.shape[1], state.betas.shape[1]
    turn_end = 3 + 3 * joints
    diagonal = torch.diagonal(matrix, dim1=1, dim2=2)
    diagonal[:, :turn_end] *= 1 + settings.damping
    diagonal[:, :turn_end] += LEAST_STIFFNESS
    diagonal[:, 3:turn_end] += prior.precision.repeat_interleave(3)
    departure = rotvec_from_matrix(state.rotations) - prior.mean
    spatial = (posed.parents @ departure[..., None])[..., 0] * prior.precision[:, None]
    vector[:, 3:turn_end] -= spatial.flatten(1)
    diagonal[:, turn_end : turn_end + betas] += 1
    vector[:, turn_end : turn_end + betas] -= state.betas
    if settings.scale:
        diagonal[:, -1] += SCALE_PRECISION
        vector[:, -1] -= state.scale.log() * SCALE_PRECISION
