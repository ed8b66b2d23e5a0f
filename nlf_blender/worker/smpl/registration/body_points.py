# SPDX-License-Identifier: GPL-3.0-or-later
"""Chosen points of a posed body, their normals, and how they move with every parameter.

A point skinned with weights w_k moves under a small turn d of joint j, in space, by d x a_j with

    a_j = sum_{k in subtree of j} w_k (v_k - p_j),

v_k being where joint k alone would carry the point and p_j the joint's position. Pose correctives
are followed by the points, not by the derivatives: where the residuals vanish, so does the
difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from ....body.body_data import BodyData
from ..body_model import BodyModel, blend
from ..fitting.points import make_tree
from ..rotations import matrix_from_rotvec, rotvec_from_matrix
from ..vertex_subset import vertex_areas

SMALL_SURFACE = 0.02  # of the whole area: a separate surface below it is inside, as eyes are


@dataclass(frozen=True)
class State:
    """Parameters of S bodies: rotations [S,J,3,3] relative to the parent, betas [S,B],
    translation [S,3] metres, scale [S]: a factor on the whole body before translation."""

    rotations: Tensor
    betas: Tensor
    translation: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.betas)

    def select(self, index: Tensor) -> State:
        """The bodies of an index [S'] or mask [S]."""
        return State(
            self.rotations[index], self.betas[index], self.translation[index], self.scale[index]
        )


def join(states: list[State]) -> State:
    """All bodies of several states."""
    return State(
        torch.cat([state.rotations for state in states]),
        torch.cat([state.betas for state in states]),
        torch.cat([state.translation for state in states]),
        torch.cat([state.scale for state in states]),
    )


@dataclass(frozen=True)
class Posed:
    """Points of S posed bodies: points and unit normals [S,N,3]; orientations [S,J,3,3] and
    positions [S,J,3] of the joints in space; parents [S,J,3,3]: the orientations of their parents;
    rest [S,J,3] and unposed [S,N,3]: before posing; blended [S,N,3,3]: what turned each point."""

    points: Tensor
    normals: Tensor
    orientations: Tensor
    positions: Tensor
    parents: Tensor
    rest: Tensor
    unposed: Tensor
    blended: Tensor


class BodyPoints:
    """N vertices of a body: poses them and gives their derivatives."""

    def __init__(self, model: BodyModel, indices: Tensor, normals: Tensor, beta_count: int) -> None:
        """indices [N] of vertices; normals [V,3]: the template's; beta_count B."""
        self.model = model
        self.indices = indices
        self.template = model.v_template[indices]
        self.shapedirs = model.shapedirs[indices][..., :beta_count].contiguous()
        posedirs = model.posedirs
        self.posedirs = None if posedirs is None else posedirs[indices].flatten(0, 1).T.contiguous()
        self.skin = model.weights[indices]
        self.normals = normals[indices]
        self.joints_shapedirs = model.joints_shapedirs[..., :beta_count]
        self.subtree = make_tree(model).ancestors.to(self.template)

    def pose(self, state: State) -> Posed:
        """The points under the parameters of `state`."""
        model = self.model
        unposed = blend(self.template, self.shapedirs, state.betas)
        if self.posedirs is not None:
            features = model.pose_features(state.rotations)
            unposed = unposed + (features @ self.posedirs).unflatten(1, (-1, 3))
        rest = model.rest_joints(state.betas)
        orientations, positions = model.joint_transforms(state.rotations, rest)
        shifts = positions - (orientations @ rest[..., None])[..., 0]
        blended = (self.skin @ orientations.flatten(2)).unflatten(2, (3, 3))
        points = (blended @ unposed[..., None])[..., 0] + self.skin @ shifts
        normals = torch.nn.functional.normalize(
            (blended @ self.normals[None, :, :, None])[..., 0], dim=-1
        )
        scale, offset = state.scale[:, None, None], state.translation[:, None]
        return Posed(
            points * scale + offset,
            normals,
            orientations,
            positions * scale + offset,
            parent_orientations(model, orientations),
            rest,
            unposed,
            blended,
        )

    def derivatives(self, state: State, posed: Posed, with_scale: bool) -> Tensor:
        """d points / d parameters [S,N,3,D]: translation, turns of the joints in space (3J),
        betas, and the logarithm of the scale if it is wanted."""
        scale = state.scale[:, None, None, None]
        centred = (posed.positions - state.translation[:, None]) / state.scale[:, None, None]
        shifts = centred - (posed.orientations @ posed.rest[..., None])[..., 0]
        carried = torch.einsum("sjab,snb->snaj", posed.orientations, posed.unposed)
        carried = (carried + shifts.transpose(1, 2)[:, None]) * self.skin[None, :, None]
        share = self.skin @ self.subtree
        arms = carried @ self.subtree - share[None, :, None] * centred.transpose(1, 2)[:, None]
        arms = arms * scale
        turns = _cross_columns(arms)
        identity = torch.eye(3).to(arms).expand(*arms.shape[:2], 3, 3)
        shape = posed.blended @ self.shapedirs
        moved = self._joint_shape_motion(posed.orientations)
        shape = (shape + torch.einsum("nj,sjab->snab", self.skin, moved)) * scale
        columns = [identity, turns, shape]
        if with_scale:
            columns.append((posed.points - state.translation[:, None])[..., None])
        return torch.cat(columns, dim=-1)

    def _joint_shape_motion(self, orientations: Tensor) -> Tensor:
        """d shift of each joint's transform / d betas [S,J,3,B]."""
        directions, parents = self.joints_shapedirs, self.model.parents
        moved: dict[int, Tensor] = {}
        for level in self.model.levels:
            for joint in level:
                parent = parents[joint]
                if parent < 0:
                    moved[joint] = directions[joint].expand(len(orientations), -1, -1)
                else:
                    bone = directions[joint] - directions[parent]
                    moved[joint] = moved[parent] + orientations[:, parent] @ bone
        positions = torch.stack([moved[joint] for joint in range(len(parents))], 1)
        return positions - orientations @ directions


def parent_orientations(model: BodyModel, orientations: Tensor) -> Tensor:
    """Of orientations [S,J,3,3] in space: each joint's parent's, the identity for the root."""
    above = [max(parent, 0) for parent in model.parents]
    result = orientations[:, above]
    result[:, model.body.skeleton.root] = torch.eye(3).to(orientations)
    return result


def _cross_columns(arms: Tensor) -> Tensor:
    """Of arms [S,N,3,J]: the matrices of d -> d x arm, side by side, [S,N,3,3J]."""
    x, y, z = arms.unbind(2)
    zero = torch.zeros_like(x)
    rows = (
        torch.stack((zero, z, -y), -1),
        torch.stack((-z, zero, x), -1),
        torch.stack((y, -x, zero), -1),
    )
    return torch.stack([row.flatten(2) for row in rows], dim=2)


def moved_state(state: State, posed: Posed, step: Tensor, with_scale: bool) -> State:
    """The state after a step [S,D] in the parameters of `BodyPoints.derivatives`."""
    joints = state.rotations.shape[1]
    shape_end = 3 + 3 * joints + state.betas.shape[1]
    turns = matrix_from_rotvec(step[:, 3 : 3 + 3 * joints].unflatten(1, (joints, 3)))
    # A turn d in space of joint j: G_j' = exp(d) G_j while the parent stays.
    parents = posed.parents
    rotations = parents.transpose(-1, -2) @ turns @ parents @ state.rotations
    # Products of rounded rotations drift away from rotations, ever faster.
    rotations = matrix_from_rotvec(rotvec_from_matrix(rotations))
    scale = state.scale
    if with_scale:
        scale = scale * step[:, shape_end].exp()
    return replace(
        state,
        rotations=rotations,
        betas=state.betas + step[:, 3 + 3 * joints : shape_end],
        translation=state.translation + step[:, :3],
        scale=scale,
    )


def outer_vertices(body: BodyData) -> np.ndarray:
    """Mask [V] of the vertices of the body's larger surfaces: without eyes, tongue, teeth."""
    faces = body.faces.astype(np.int64)
    rows, columns = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(body.vertex_count,) * 2)
    labels = connected_components(graph, directed=False)[1]
    areas = np.bincount(labels, vertex_areas(body))
    return (areas >= SMALL_SURFACE * areas.sum())[labels]
