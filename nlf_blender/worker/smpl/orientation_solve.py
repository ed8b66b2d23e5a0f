# SPDX-License-Identifier: GPL-3.0-or-later
"""Orientations of all parts for a known shape.

`initial_orientations` takes every part on its own. `Moments` then refines: with all but one
orientation fixed, the best value of that one is a Kabsch problem whose matrix follows from second
moments of the points, so a walk down the tree that renews one level after the other lowers the
distance at every step and never touches the points again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .fit_points import FitPoints
from .kabsch import nearest_rotation, orientations_down_the_tree, part_evidence


def initial_orientations(
    points: FitPoints, targets: Tensor, weights: Tensor, prior: Tensor
) -> Tensor:
    """Orientations [P,J,3,3] in space, each from its own part's points in the mean shape.

    targets [P,N,3]; weights [P,N], summing to 1; prior [P], m^2: how much the parent's orientation
    weighs. A part holds the points skinned to it, the more the more they are, and the joints at
    both its ends.
    """
    model = points.model
    membership = points.skin**2
    joint_rows = membership[-points.joint_count :]
    children = model.non_root
    joint_rows[children, [model.parents[joint] for joint in children]] = 1.0
    evidence = part_evidence(targets, points.template, weights, membership)
    return orientations_down_the_tree(evidence, model.levels, model.parents, prior)


@dataclass(frozen=True)
class Moments:
    """Second moments about the weighted mean: gram [P,3J,3J] of the lever arms a_vj of
    fit_points.py among each other, cross [P,3,3J] of the targets with them. prior [P], m^2: how
    much the parent's orientation weighs."""

    points: FitPoints
    gram: Tensor
    cross: Tensor
    prior: Tensor

    def refine(self, orientations: Tensor) -> Tensor:
        """Orientations [P,J,3,3] after one walk down the tree."""
        model = self.points.model
        result = orientations.clone()
        for level in model.levels:
            joints = list(level)
            above = [model.parents[joint] for joint in joints]
            evidence = self.evidence(result, joints)
            if above != [-1]:
                evidence = evidence + self.prior[:, None, None, None] * result[:, above]
            result[:, joints] = nearest_rotation(evidence)
        return result

    def evidence(self, orientations: Tensor, joints: list[int]) -> Tensor:
        """Kabsch matrices [P,len(joints),3,3]: targets less what the other parts explain."""
        count = self.points.joint_count
        columns = torch.tensor(
            [3 * joint + axis for joint in joints for axis in range(3)], device=self.gram.device
        )
        stacked = orientations.transpose(1, 2).flatten(2)  # [P,3,3J]
        explained = stacked @ self.gram[:, :, columns]
        left = (self.cross[:, :, columns] - explained).unflatten(2, (len(joints), 3))
        blocks = self.gram.unflatten(1, (count, 3)).unflatten(3, (count, 3))
        own = torch.stack([blocks[:, joint, :, joint] for joint in joints], dim=1)
        return left.transpose(1, 2) + orientations[:, joints] @ own

    def spreads(self) -> Tensor:
        """[P,J]: the second largest variance of a part's lever arms, m^2; 0 if its turn is open.

        Of a symmetric 3x3 with eigenvalues a >= b >= c >= 0, (tr^2 - tr of the square) / 2 is
        ab + ac + bc; over the trace that lies between b/2 and 2b.
        """
        count = self.points.joint_count
        blocks = self.gram.unflatten(1, (count, 3)).unflatten(3, (count, 3))
        own = torch.stack([blocks[:, joint, :, joint] for joint in range(count)], dim=1)
        trace = own.diagonal(dim1=-2, dim2=-1).sum(-1)
        square = (own * own).sum((-2, -1))
        return (trace**2 - square) / (2 * trace).clamp_min(torch.finfo(trace.dtype).tiny)


def moments(
    points: FitPoints,
    unposed: Tensor,
    rest: Tensor,
    targets: Tensor,
    weights: Tensor,
    prior: Tensor,
) -> Moments:
    """Moments for points [P,N,3] and joints rest [P,J,3] before skinning.

    targets [P,N,3] about any origin; weights [P,N], summing to 1; prior [P] as in `Moments`.
    """
    arms = lever_arms(points, unposed, rest).flatten(2)
    arms = arms - (arms * weights[..., None]).sum(1, keepdim=True)
    weighted = arms * weights[..., None]
    gram, cross = weighted.transpose(1, 2) @ arms, targets.transpose(1, 2) @ weighted
    return Moments(points, gram, cross, prior)


def lever_arms(points: FitPoints, unposed: Tensor, rest: Tensor) -> Tensor:
    """The vectors a_vj [P,N,J,3] of fit_points.py for points [P,N,3] and joints [P,J,3]."""
    model = points.model
    arms = points.skin[..., None] * (unposed[:, :, None] - rest[:, None])
    children = model.non_root
    parents = torch.tensor([model.parents[joint] for joint in children], device=arms.device)
    carried = points.subtree[:, children, None] * points.bones(rest)[:, None, children]
    return arms.index_add_(2, parents, carried)
