# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the body to everybody who was localized, in one batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from .nlf.localized import LocalizedPerson
from .smpl.body_model import BodyModel
from .smpl.fitting.fit import Fit, FitSettings, fit
from .smpl.fitting.start import FitStart

if TYPE_CHECKING:
    from .engine import Models

Float32Array = NDArray[np.float32]

JOINT_WEIGHT = 4.0  # of a joint, where each of the chosen vertices counts 1
# A network's uncertainties weigh as in the NLF paper, and its errors at neighbouring points are
# alike. (Found with errors of 10 to 60 mm that were alike over 15 cm: 20 to 150 independent points
# change the vertices' error by 3 % at most. The most of these follows the localized points best.)
SETTINGS = FitSettings(uncertainty_exponent=1.5, independent_points=150.0, turn=1.0)


@dataclass(frozen=True)
class FittedPeople:
    """Fits of P people in camera space: pose [P,J,3] rotation vectors relative to the parent,
    betas [P,B], translation [P,3] in metres, error [P]: mean distance of fitted from localized
    vertices, metres."""

    pose: Float32Array
    betas: Float32Array
    translation: Float32Array
    error: Float32Array


def fit_people(models: Models, localized: list[LocalizedPerson]) -> FittedPeople:
    """Fit pose, shape and translation, every point weighted by its uncertainty."""
    result = fit_localized(
        _stack([person.points for person in localized], models.device),
        _stack([person.uncertainty for person in localized], models.device),
        models.body_model,
    )
    return FittedPeople(
        *(
            tensor.float().cpu().numpy()
            for tensor in (result.pose, result.betas, result.translation, result.error)
        )
    )


def fit_localized(
    points: torch.Tensor,
    uncertainty: torch.Tensor,
    body_model: BodyModel,
    settings: FitSettings = SETTINGS,
) -> Fit:
    """Fit a body to its localized vertices, then joints: points [P,V+J,3] and uncertainty [P,V+J],
    metres. About a thousand of the vertices are used."""
    used = fitted_points(body_model)
    return fit_chosen(points[:, used], uncertainty[:, used], body_model, settings)


def fitted_points(body_model: BodyModel) -> torch.Tensor:
    """Which of the V + J localized points are fitted: spread vertices, then all joints."""
    joints = body_model.body.vertex_count + torch.arange(body_model.body.joint_count)
    return torch.cat([body_model.spread_vertices, joints])


def fit_chosen(
    points: torch.Tensor,
    uncertainty: torch.Tensor,
    body_model: BodyModel,
    settings: FitSettings = SETTINGS,
    *,
    start: FitStart | None = None,
    known_betas: torch.Tensor | None = None,
    known_scale: torch.Tensor | None = None,
    shape_groups: torch.Tensor | None = None,
) -> Fit:
    """As `fit_localized`, of the `fitted_points` alone; the rest as for `fit`."""
    vertices = body_model.spread_vertices
    joints = torch.arange(body_model.body.joint_count)
    weights = torch.ones(len(vertices) + len(joints))
    weights[len(vertices) :] = JOINT_WEIGHT
    return fit(
        points,
        body_model,
        weights,
        uncertainties=uncertainty,
        vertex_indices=vertices,
        joint_indices=joints,
        settings=settings,
        start=start,
        known_betas=known_betas,
        known_scale=known_scale,
        shape_groups=shape_groups,
    )


def _stack(arrays: list[NDArray], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32)).to(device)
