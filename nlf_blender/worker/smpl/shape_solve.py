# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape and translation for known orientations: regularized linear least squares."""

from __future__ import annotations

import torch
from torch import Tensor

from .fit_points import FitPoints


def posed_points(points: FitPoints, orientations: Tensor, unposed: Tensor, rest: Tensor) -> Tensor:
    """Points [P,N,3] of the body with orientations [P,J,3,3] in space, root at its rest place."""
    blended = (points.skin @ orientations.flatten(2)).unflatten(2, (3, 3))
    shifts = _shifts(points, orientations, rest[..., None])[..., 0]
    return (blended @ unposed[..., None])[..., 0] + points.skin @ shifts


def solve_shape(
    points: FitPoints,
    orientations: Tensor,
    unposed_mean: Tensor,
    targets: Tensor,
    weights: Tensor,
    regularizer: Tensor,
) -> Tensor:
    """Betas [P,B] that bring the points closest to their targets, translation left free.

    orientations [P,J,3,3] in space; unposed_mean [P,N,3]: points of the mean shape with pose
    correctives; targets [P,N,3]; weights [P,N], summing to 1; regularizer [P], m^2: what a beta
    of 1 costs as a mean squared distance.
    """
    blended = (points.skin @ orientations.flatten(2)).unflatten(2, (3, 3))
    shifts = _shifts(points, orientations, points.joints_shapedirs)
    shifted = (points.skin @ shifts.flatten(2)).unflatten(2, (3, points.shapedirs.shape[2]))
    slopes = blended @ points.shapedirs + shifted
    mean = posed_points(points, orientations, unposed_mean, points.joints_template[None])
    design = torch.cat([slopes, (targets - mean)[..., None]], dim=-1)
    center = (design * weights[..., None, None]).sum(1, keepdim=True)
    design = ((design - center) * weights.sqrt()[..., None, None]).flatten(1, 2)
    products = design.transpose(1, 2) @ design
    normal, right = products[:, :-1, :-1], products[:, :-1, -1:]
    identity = torch.eye(normal.shape[-1], dtype=normal.dtype, device=normal.device)
    return torch.linalg.solve(normal + regularizer[:, None, None] * identity, right)[..., 0]


def _shifts(points: FitPoints, orientations: Tensor, rest: Tensor) -> Tensor:
    """What skinning adds to a turned point, G_j - R_j J_j: [P,J,3,C] for rest [...,J,3,C].

    C columns: one for positions, B for their derivatives by the betas, in which they are linear.
    """
    model = points.model
    columns = rest.shape[-1]
    bones = points.bones(rest.flatten(-2)).unflatten(-1, (3, columns))
    rest = rest.expand(len(orientations), -1, -1, -1)
    positions = list(rest.unbind(1))
    for level in model.levels[1:]:
        for joint in level:
            parent = model.parents[joint]
            turned = orientations[:, parent] @ bones[..., joint, :, :]
            positions[joint] = positions[parent] + turned
    return torch.stack(positions, 1) - orientations @ rest
