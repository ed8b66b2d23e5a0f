# SPDX-License-Identifier: GPL-3.0-or-later
"""The points that a fit matches: chosen vertices, then the joints, treated alike.

A joint is a point that is skinned to itself alone. With orientations R_j in space, every point is
linear in them,

    x_v = t + sum_j R_j a_vj,   a_vj = w_vj (p_v - J_j) + sum_{children c} s_vc (J_c - J_j),

where p_v is the unposed point, w_vj its skinning weight and s_vc the sum of its weights over the
subtree of joint c. Shape solve and orientation refinement both build on this.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .body_model import BodyModel, blend
from .vertex_subset import subset_weights

JOINT_WEIGHT = 0.004  # of a joint, where all vertices together weigh 1


@dataclass(frozen=True)
class FitPoints:
    """N points of a body, vertices first, then its J joints; K pose features, B betas.

    template [N,3], shapedirs [N,3,B], posedirs [K,3N] or None, skin [N,J], subtree [N,J]: sums of
    skin over each joint's subtree; joints_template [J,3], joints_shapedirs [J,3,B]; weights [N]:
    how much each point counts among points of equal uncertainty.
    """

    model: BodyModel
    template: Tensor
    shapedirs: Tensor
    posedirs: Tensor | None
    skin: Tensor
    subtree: Tensor
    joints_template: Tensor
    joints_shapedirs: Tensor
    weights: Tensor

    @property
    def joint_count(self) -> int:
        """J."""
        return len(self.joints_template)

    def unposed(self, betas: Tensor, local_rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Points [P,N,3] with shape and pose correctives, and joints [P,J,3], before skinning."""
        points = blend(self.template, self.shapedirs, betas)
        if self.posedirs is not None:
            features = self.model.pose_features(local_rotations)
            points = points + (features @ self.posedirs).unflatten(1, (-1, 3))
        return points, blend(self.joints_template, self.joints_shapedirs, betas)

    def bones(self, joints: Tensor) -> Tensor:
        """Vectors [...,J,*] from the parent's joint to each joint; 0 for the root."""
        result = torch.zeros_like(joints)
        children = self.model.non_root
        parents = [self.model.parents[joint] for joint in children]
        result[..., children, :] = joints[..., children, :] - joints[..., parents, :]
        return result


def fit_points(model: BodyModel, vertex_indices: Tensor, beta_count: int) -> FitPoints:
    """The points of a body with these vertices [Nv] and the first `beta_count` betas."""
    joint_count = len(model.parents)
    device = model.weights.device
    vertex_weights = torch.from_numpy(subset_weights(model.body, vertex_indices.cpu().numpy()))
    skin = torch.cat([model.weights[vertex_indices], torch.eye(joint_count, device=device)])
    joints_shapedirs = model.joints_shapedirs[..., :beta_count]
    posedirs = None
    if model.posedirs is not None:
        chosen = model.posedirs[vertex_indices].flatten(0, 1).T
        # joints follow the regressor on the unposed shape: they have no pose correctives
        posedirs = torch.nn.functional.pad(chosen, (0, 3 * joint_count))
    return FitPoints(
        model=model,
        template=torch.cat([model.v_template[vertex_indices], model.joints_template]),
        shapedirs=torch.cat([model.shapedirs[vertex_indices][..., :beta_count], joints_shapedirs]),
        posedirs=posedirs,
        skin=skin,
        subtree=skin @ _descendants(model).to(device),
        joints_template=model.joints_template,
        joints_shapedirs=joints_shapedirs,
        weights=torch.cat([vertex_weights.to(skin), skin.new_full((joint_count,), JOINT_WEIGHT)]),
    )


def _descendants(model: BodyModel) -> Tensor:
    """[J,J]: 1 where the row's joint is the column's or hangs from it."""
    result = torch.eye(len(model.parents))
    for level in reversed(model.levels[1:]):
        for joint in level:
            result[:, model.parents[joint]] += result[:, joint]
    return result
