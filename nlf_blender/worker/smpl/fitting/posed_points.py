# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward pass of a fit: its points for given orientations in space and shape.

Every point is x = sum_j w_j (R_j p + h_j): p the unposed point with shape and pose correctives,
w_j its skinning weights, R_j the joints' orientations in space and h_j = g_j - R_j J_j, where J_j
and g_j are the joints before and after posing. The root joint stays at its rest place.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .points import FitPoints


class Posed(NamedTuple):
    """N points of P people, posed, and what the derivatives need.

    local [P,J,3,3]: rotations relative to the parent; unposed [P,3,N]: p; rest [P,J,3]: J; joints
    [P,J,3]: g; shifts [P,J,3]: h; blended [P,3,4,N]: the points' own transforms; points [P,3,N]: x.
    """

    local: Tensor
    unposed: Tensor
    rest: Tensor
    joints: Tensor
    shifts: Tensor
    blended: Tensor
    points: Tensor


def pose_points(points: FitPoints, orientations: Tensor, shape: Tensor) -> Posed:
    """Pose the points. orientations [P,J,3,3] in space; shape [P,C]."""
    local = local_rotations(points, orientations)
    coefficients = [shape]
    if len(points.basis) > points.column_count:
        coefficients.append(points.model.pose_features(local))
    unposed = torch.addmm(points.template, torch.cat(coefficients, 1), points.basis)
    unposed = unposed.unflatten(1, (3, points.count))
    rest, joints = joint_places(points, orientations, shape)
    shifts = joints - (orientations @ rest[..., None])[..., 0]
    transforms = torch.cat([orientations, shifts[..., None]], -1).permute(0, 2, 3, 1)
    blended = (transforms.flatten(0, 2) @ points.skin.T).view(len(shape), 3, 4, points.count)
    posed = torch.addcmul(blended[:, :, 3], blended[:, :, 0], unposed[:, None, 0])
    for axis in (1, 2):
        posed = torch.addcmul(posed, blended[:, :, axis], unposed[:, None, axis])
    return Posed(local, unposed, rest, joints, shifts, blended, posed)


def joint_places(points: FitPoints, orientations: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
    """The joints before posing, J [P,J,3], and after it, g [P,J,3]."""
    tree = points.tree
    rest = points.joints_template + (points.joints_columns @ shape.T).permute(2, 0, 1)
    turned = orientations[:, tree.parent] @ (tree.bones @ rest)[..., None]
    return rest, rest[:, tree.root, None] + tree.carriers @ turned[..., 0]


def local_rotations(points: FitPoints, orientations: Tensor) -> Tensor:
    """Rotations [P,J,3,3] relative to the parent, of orientations [P,J,3,3] in space."""
    tree = points.tree
    result = orientations.clone()
    parents = orientations[:, tree.parent[tree.non_root]]
    result[:, tree.non_root] = parents.transpose(-1, -2) @ orientations[:, tree.non_root]
    return result
