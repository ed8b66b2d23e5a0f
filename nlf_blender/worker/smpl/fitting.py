# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits of pose, shape and translation to localized points (NLF paper, section 3.5 and appendix).

Orientations of the parts and the shape are found in turns, each in closed form for the other
fixed, every point weighted by its uncertainty. All people of a batch are fitted at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .body_model import BodyModel
from .fit_points import FitPoints, fit_points
from .orientation_solve import initial_orientations, moments
from .rotations import rotvec_from_matrix
from .shape_solve import posed_points, solve_shape
from .vertex_subset import choose_vertices

UNCERTAINTY_EXPONENT = -1.5
VERTEX_COUNT = 1024  # fitted by default; more gain little on clean points, nothing on noisy ones
DEFAULT_BETA_COUNT = 10
# m^2: a beta of 1 has to lower the mean squared distance by this much
DEFAULT_BETA_REGULARIZER = 2e-6
JOINT_WEIGHT = 4.0  # of a joint, in vertices
SWEEPS = 2  # walks down the tree after each shape solve
# m^2: below this spread of its points a part's orientation is its parent's
LEAST_SPREAD = 1e-7
GROUP_NUMBERS = 1 << 24  # people are fitted in groups whose largest tensor is this long


@dataclass(frozen=True)
class Fit:
    """Fits of P people; metres, radians, in the axes of the points.

    pose [P,J,3] relative to the parent; betas [P,B]; translation [P,3]; vertex_indices [Nv]: the
    vertices that were used; residuals [P,Nv]: their distances from the fitted body, NaN where the
    point was missing; error [P]: their mean; undetermined [P,J]: joints whose turn the points
    leave open, so that it follows the parent's.
    """

    pose: Tensor
    betas: Tensor
    translation: Tensor
    vertex_indices: Tensor
    residuals: Tensor
    error: Tensor
    undetermined: Tensor


@dataclass(frozen=True)
class FitSettings:
    """beta_count: shape components to solve for; iterations: turns of shape and orientations;
    beta_regularizer: m^2, see `solve_shape`."""

    beta_count: int = DEFAULT_BETA_COUNT
    iterations: int = 3
    beta_regularizer: float = DEFAULT_BETA_REGULARIZER


@torch.no_grad()
def fit(
    body_model: BodyModel,
    vertices: Tensor,
    joints: Tensor | None = None,
    vertex_uncertainties: Tensor | None = None,
    joint_uncertainties: Tensor | None = None,
    vertex_indices: Tensor | None = None,
    settings: FitSettings | None = None,
) -> Fit:
    """Fit the body to localized points in any axes; metres.

    vertices [P,Nv,3] are the body's vertices `vertex_indices` [Nv]; without indices they are all
    V, and a spread-out subset is fitted. joints [P,J,3]. Uncertainties [P,Nv] and [P,J] in metres,
    all alike by default. NaN or infinite points or uncertainties mean missing. ValueError if
    shapes do not agree.
    """
    settings = settings or FitSettings()
    device = body_model.v_template.device
    if vertex_indices is None:
        if vertices.shape[1] != len(body_model.v_template):
            raise ValueError(
                f"{vertices.shape[1]} points for {len(body_model.v_template)} vertices"
            )
        vertex_indices = torch.from_numpy(choose_vertices(body_model.body, VERTEX_COUNT)).to(device)
        vertices = vertices.to(device)[:, vertex_indices]
        if vertex_uncertainties is not None:
            vertex_uncertainties = vertex_uncertainties.to(device)[:, vertex_indices]
    elif len(vertex_indices) != vertices.shape[1]:
        raise ValueError(f"{vertices.shape[1]} points for {len(vertex_indices)} vertex indices")
    points = fit_points(
        body_model, vertex_indices.to(device), min(settings.beta_count, body_model.beta_count)
    )
    targets, weights = _targets(points, vertices, joints, vertex_uncertainties, joint_uncertainties)
    group = max(1, GROUP_NUMBERS // (targets.shape[1] * points.joint_count * 3))
    fits = [
        _fit_group(points, target, weight, settings)
        for target, weight in zip(targets.split(group), weights.split(group), strict=True)
    ]
    pose, betas, translation, residuals, undetermined = (
        torch.cat(parts) for parts in zip(*fits, strict=True)
    )
    residuals = residuals[:, : len(vertex_indices)]
    return Fit(
        pose, betas, translation, vertex_indices, residuals, residuals.nanmean(1), undetermined
    )


def _targets(
    points: FitPoints,
    vertices: Tensor,
    joints: Tensor | None,
    vertex_uncertainties: Tensor | None,
    joint_uncertainties: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Targets [P,N,3], 0 where missing, and weights [P,N], 0 where missing, else summing to 1."""
    like = points.template
    people = len(vertices)
    if joints is None:
        joints = like.new_full((people, points.joint_count, 3), torch.nan)
    targets = torch.cat([vertices.to(like), joints.to(like)], dim=1)
    if vertex_uncertainties is None:
        vertex_uncertainties = like.new_ones(vertices.shape[:2])
    if joint_uncertainties is None:
        joint_uncertainties = like.new_ones(joints.shape[:2])
    weights = torch.cat(
        [
            vertex_uncertainties.to(like) ** UNCERTAINTY_EXPONENT,
            JOINT_WEIGHT * joint_uncertainties.to(like) ** UNCERTAINTY_EXPONENT,
        ],
        dim=1,
    )
    there = targets.isfinite().all(-1) & weights.isfinite()
    weights = torch.where(there, weights, 0.0)
    total = weights.sum(1, keepdim=True).clamp_min(torch.finfo(like.dtype).tiny)
    return torch.where(there[..., None], targets, 0.0), weights / total


def _fit_group(
    points: FitPoints, targets: Tensor, weights: Tensor, settings: FitSettings
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Pose, betas, translation, residuals [P,N] and undetermined joints of one group."""
    center = (targets * weights[..., None]).sum(1, keepdim=True)
    centered = targets - center  # at 50 m, float32 has no digits to spare
    orientations = initial_orientations(points, centered, weights)
    no_betas = targets.new_zeros((len(targets), points.shapedirs.shape[2]))
    betas = no_betas
    for _ in range(settings.iterations):
        local = local_rotations(points, orientations)
        mean_shape = points.unposed(no_betas, local)[0]
        betas = solve_shape(
            points, orientations, mean_shape, centered, weights, settings.beta_regularizer
        )
        unposed, rest = points.unposed(betas, local)
        moment = moments(points, unposed, rest, centered, weights)
        for _ in range(SWEEPS):
            orientations = moment.refine(orientations)
    local = local_rotations(points, orientations)
    unposed, rest = points.unposed(betas, local)
    posed = posed_points(points, orientations, unposed, rest)
    offset = ((centered - posed) * weights[..., None]).sum(1, keepdim=True)
    residuals = (posed + offset - centered).norm(dim=-1)
    residuals = torch.where(weights > 0, residuals, torch.nan)
    undetermined = moment.spreads() < LEAST_SPREAD
    return (rotvec_from_matrix(local), betas, (offset + center)[:, 0], residuals, undetermined)


def local_rotations(points: FitPoints, orientations: Tensor) -> Tensor:
    """Rotations [P,J,3,3] relative to the parent, of orientations [P,J,3,3] in space."""
    model = points.model
    children = model.non_root
    parents = [model.parents[joint] for joint in children]
    result = orientations.clone()
    result[:, children] = orientations[:, parents].transpose(-1, -2) @ orientations[:, children]
    return result
