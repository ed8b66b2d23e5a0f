# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits of pose, shape and translation to localized points, by the alternation of the NLF paper.

Orientations of the parts and the shape are found in turns, each in closed form for the other
fixed, every point weighted by its uncertainty. All people of a batch are fitted at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .body_model import BodyModel
from .fit_points import FitPoints, fit_points
from .fit_targets import Targets, make_targets
from .orientation_solve import initial_orientations, moments
from .rotations import rotvec_from_matrix
from .shape_solve import posed_points, solve_shape

SWEEPS = 3  # walks down the tree after each shape solve
GROUP_NUMBERS = 1 << 20  # people are fitted in groups whose largest tensor is about this long


@dataclass(frozen=True)
class Fit:
    """Fits of P people; metres, radians, in the axes of the points.

    pose [P,J,3] relative to the parent; betas [P,B]; translation [P,3]; vertex_indices [Nv]: the
    vertices that were used; residuals [P,Nv]: their distances from the fitted body, NaN where the
    point was missing; error [P]: their mean, NaN without any point; undetermined [P,J]: joints
    whose turn the points leave open, so that it follows the parent's.
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
    """beta_count: shape components to solve for; iterations: turns of shape and orientations.

    independent_points: errors of neighbouring points are alike, so that thousands of points tell
    no more than this many independent ones. The larger, the more a fit believes its points
    against what it expects: betas of 0 and parts in line with their parents. (Found with errors
    of 10 to 60 mm that were alike over 15 cm: 20 to 150 change the vertices' error by 3 % at most.)
    """

    beta_count: int = 10
    iterations: int = 3
    independent_points: float = 60.0

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.beta_count < 1 or self.independent_points <= 0:
            raise ValueError("iterations, betas and independent points must be 1 or more")


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
    all ASSUMED_UNCERTAINTY by default; they also say how much the fit trusts the points as a
    whole. NaN or infinite points or uncertainties mean missing. ValueError if shapes do not agree.
    """
    settings = settings or FitSettings()
    like = body_model.v_template
    vertices = vertices.to(like)
    if vertex_indices is None:
        vertex_indices = body_model.spread_vertices.to(like.device)
        _check_count(vertices, len(like), "vertices")
        vertices = vertices[:, vertex_indices]
        if vertex_uncertainties is not None:
            vertex_uncertainties = vertex_uncertainties.to(like)[:, vertex_indices]
    vertex_indices = vertex_indices.to(like.device)
    _check_count(vertices, len(vertex_indices), "vertex indices")
    beta_count = min(settings.beta_count, body_model.beta_count)
    points = fit_points(body_model, vertex_indices, beta_count)
    joints = None if joints is None else joints.to(like)
    targets = make_targets(
        vertices, joints, vertex_uncertainties, joint_uncertainties, points.weights
    )
    group = max(1, GROUP_NUMBERS // (targets.points.shape[1] * points.joint_count * 3))
    fits = [
        _fit_group(points, Targets(*parts), settings)
        for parts in zip(*(item.split(group) for item in targets), strict=True)
    ]
    pose, betas, translation, residuals, undetermined = (
        torch.cat(parts) for parts in zip(*fits, strict=True)
    )
    residuals = residuals[:, : len(vertex_indices)]
    error = residuals.nanmean(1)
    return Fit(pose, betas, translation, vertex_indices, residuals, error, undetermined)


def _check_count(vertices: Tensor, count: int, what: str) -> None:
    if vertices.shape[1] != count:
        raise ValueError(f"{vertices.shape[1]} points for {count} {what}")


def _fit_group(
    points: FitPoints, targets: Targets, settings: FitSettings
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Pose, betas, translation, residuals [P,N] and undetermined joints of one group."""
    aims, weights = targets.points, targets.weights
    # The variance of the mean of the independent points: what an expectation of unit variance (a
    # beta; a turn relative to the parent, in radians) weighs against mean squared distances.
    doubt = targets.variance / settings.independent_points
    orientations = initial_orientations(points, aims, weights, doubt)
    no_betas = aims.new_zeros((len(aims), points.shapedirs.shape[2]))
    for _ in range(settings.iterations):
        local = local_rotations(points, orientations)
        mean_shape = points.unposed(no_betas, local)[0]
        betas = solve_shape(points, orientations, mean_shape, aims, weights, doubt)
        unposed, rest = points.unposed(betas, local)
        moment = moments(points, unposed, rest, aims, weights, doubt)
        for _ in range(SWEEPS):
            orientations = moment.refine(orientations)
    local = local_rotations(points, orientations)
    unposed, rest = points.unposed(betas, local)
    posed = posed_points(points, orientations, unposed, rest)
    offset = ((aims - posed) * weights[..., None]).sum(1, keepdim=True)
    residuals = torch.where(weights > 0, (posed + offset - aims).norm(dim=-1), torch.nan)
    translation = (offset + targets.center)[:, 0]
    return (
        rotvec_from_matrix(local),
        betas,
        translation,
        residuals,
        moment.spreads() < doubt[:, None],
    )


def local_rotations(points: FitPoints, orientations: Tensor) -> Tensor:
    """Rotations [P,J,3,3] relative to the parent, of orientations [P,J,3,3] in space."""
    model = points.model
    children = model.non_root
    parents = [model.parents[joint] for joint in children]
    result = orientations.clone()
    result[:, children] = orientations[:, parents].transpose(-1, -2) @ orientations[:, children]
    return result
