# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the body to everybody who was localized, in one batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .engine import Models
from .nlf.localizer import LocalizedPerson
from .smpl.fitting import fit

Float32Array = NDArray[np.float32]


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
    vertex_count = models.body.vertex_count
    points = _stack([person.points for person in localized], models.device)
    uncertainty = _stack([person.uncertainty for person in localized], models.device)
    result = fit(
        models.body_model,
        points[:, :vertex_count],
        points[:, vertex_count:],
        uncertainty[:, :vertex_count],
        uncertainty[:, vertex_count:],
    )
    return FittedPeople(
        *(
            tensor.float().cpu().numpy()
            for tensor in (result.pose, result.betas, result.translation, result.error)
        )
    )


def _stack(arrays: list[NDArray], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32)).to(device)
