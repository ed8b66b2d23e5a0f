# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward pass of an SMPL-family body: pose, betas, translation -> vertices and joints.

Shape and pose correctives are added to the template, which is then skinned linearly (Loper et
al., SMPL, 2015, section 3). Nothing assumes a number of vertices, joints or betas.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from ...body.body_data import BodyData
from .rotations import matrix_from_rotvec
from .vertex_subset import choose_vertices

if TYPE_CHECKING:
    from .fitting.points import FitPoints

# People are posed in groups such that no intermediate tensor holds more numbers than this (64 MB).
MOST_NUMBERS = 1 << 24
VERTICES_TO_FIT = 1024
OPTIONAL_ARRAYS = (
    "posedirs",
    "kid_direction",
    "joints_kid_direction",
    "expression_dirs",
    "joints_expression_dirs",
)
NUMBERS_PER_VERTEX = 12  # of the blended 3x4 transform, the largest intermediate


class PosedBody(NamedTuple):
    """vertices [P,V,3] (or the subset's), joints [P,J,3], orientations [P,J,3,3] in space."""

    vertices: Tensor
    joints: Tensor
    orientations: Tensor


class BodyModel(nn.Module):
    """A body's arrays as float32 buffers, and the forward pass over a batch of people."""

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor | None
    weights: Tensor
    joints_template: Tensor
    joints_shapedirs: Tensor
    kid_direction: Tensor | None
    joints_kid_direction: Tensor | None
    expression_dirs: Tensor | None
    joints_expression_dirs: Tensor | None

    def __init__(self, body: BodyData) -> None:
        super().__init__()
        self.body = body
        for name in ("v_template", "shapedirs", "weights", "joints_template", "joints_shapedirs"):
            self.register_buffer(name, _float32(getattr(body, name)))
        for name in OPTIONAL_ARRAYS:
            array = getattr(body, name)
            self.register_buffer(name, None if array is None else _float32(array))
        self.fit_points: dict[object, FitPoints] = {}  # kept by fitting/points.py
        self.parents = body.skeleton.parents
        self.levels = body.skeleton.levels()
        self.non_root = [joint for joint, parent in enumerate(self.parents) if parent >= 0]

    @functools.cached_property
    def spread_vertices(self) -> Tensor:
        """About VERTICES_TO_FIT vertex indices, spread over the surface and all parts."""
        return torch.from_numpy(choose_vertices(self.body, VERTICES_TO_FIT))

    @property
    def beta_count(self) -> int:
        """The number B of shape components."""
        return self.shapedirs.shape[2]

    @property
    def has_kid(self) -> bool:
        """Whether the body has an axis from adults to children."""
        return self.kid_direction is not None

    def shape_columns(self, betas: int, kid: bool) -> tuple[Tensor, Tensor]:
        """The first shape components, then the kid axis: of vertices [V,3,C] and joints [J,3,C]."""
        columns, joints = self.shapedirs[..., :betas], self.joints_shapedirs[..., :betas]
        if kid and self.kid_direction is not None and self.joints_kid_direction is not None:
            columns = torch.cat([columns, self.kid_direction[..., None]], -1)
            joints = torch.cat([joints, self.joints_kid_direction[..., None]], -1)
        return columns, joints

    def expression_columns(self, count: int) -> tuple[Tensor, Tensor]:
        """The first expressions: of vertices [V,3,C] and joints [J,3,C]. ValueError if there are
        not as many."""
        dirs, joints = self.expression_dirs, self.joints_expression_dirs
        if dirs is None or joints is None or dirs.shape[2] < count:
            raise ValueError(f"{count} expressions for a body with {self.body.expression_count}")
        return dirs[..., :count], joints[..., :count]

    def forward(
        self,
        pose: Tensor,
        betas: Tensor,
        translation: Tensor,
        scale: Tensor | None = None,
        vertex_subset: Tensor | None = None,
        kid: Tensor | None = None,
        expression: Tensor | None = None,
    ) -> PosedBody:
        """Pose people; metres.

        pose [P,J,3] rotation vectors or [P,J,3,3] matrices, relative to the parent; betas [P,B'],
        B' <= B; translation [P,3]; scale [P]: a factor on the whole body before translation;
        vertex_subset [Nv]: indices of the vertices that are wanted, all by default; kid [P]: how
        far along the kid axis; expression [P,E'], E' <= E. ValueError if the body has no kid axis,
        or fewer shape components or expressions than are given.
        """
        coefficients, columns = self._shape(betas, kid, expression)
        rotations = matrix_from_rotvec(pose) if pose.ndim == 3 else pose
        vertex_count = len(self.v_template) if vertex_subset is None else len(vertex_subset)
        group = max(1, MOST_NUMBERS // (vertex_count * NUMBERS_PER_VERTEX))
        parts = [
            self._forward_group(rotation, beta, columns, vertex_subset)
            for rotation, beta in zip(
                rotations.split(group), coefficients.split(group), strict=True
            )
        ]
        vertices, joints, orientations = (torch.cat(items) for items in zip(*parts, strict=True))
        if scale is not None:
            vertices, joints = vertices * scale[:, None, None], joints * scale[:, None, None]
        offset = translation[:, None]
        return PosedBody(vertices + offset, joints + offset, orientations)

    def _shape(
        self, betas: Tensor, kid: Tensor | None, expression: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """All that shapes people, [P,C], and its columns: of vertices [V,3,C], joints [J,3,C]."""
        if betas.shape[1] > self.beta_count:
            raise ValueError(f"{betas.shape[1]} betas for a body with {self.beta_count}")
        if kid is not None and not self.has_kid:
            raise ValueError("the body has no kid axis")
        columns, joints = self.shape_columns(betas.shape[1], kid is not None)
        coefficients = betas if kid is None else torch.cat([betas, kid[:, None]], 1)
        if expression is not None:
            added, joints_added = self.expression_columns(expression.shape[1])
            columns, joints = torch.cat([columns, added], -1), torch.cat([joints, joints_added], -1)
            coefficients = torch.cat([coefficients, expression], 1)
        return coefficients, (columns, joints)

    def rest_joints(self, betas: Tensor) -> Tensor:
        """Joints [P,J,3] of the unposed body with betas [P,B']."""
        return blend(self.joints_template, self.joints_shapedirs, betas)

    def pose_features(self, rotations: Tensor) -> Tensor:
        """What the pose correctives are linear in, [P,9(J-1)], of local rotations [P,J,3,3]."""
        identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
        return (rotations[:, self.non_root] - identity).flatten(1)

    def joint_transforms(self, rotations: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
        """Orientations [P,J,3,3] and positions [P,J,3] of the joints, the root at its rest place.

        rotations [P,J,3,3] relative to the parent; rest [P,J,3].
        """
        orientations = list(rotations.unbind(1))
        positions = list(rest.unbind(1))
        for level in self.levels[1:]:
            for joint in level:
                parent = self.parents[joint]
                bone = rest[:, joint] - rest[:, parent]
                turned = (orientations[parent] @ bone[..., None])[..., 0]
                positions[joint] = positions[parent] + turned
                orientations[joint] = orientations[parent] @ rotations[:, joint]
        return torch.stack(orientations, 1), torch.stack(positions, 1)

    def _forward_group(
        self,
        rotations: Tensor,
        betas: Tensor,
        columns: tuple[Tensor, Tensor],
        vertex_subset: Tensor | None,
    ) -> PosedBody:
        template, weights = self.v_template, self.weights
        shapedirs, joints_columns = columns
        posedirs = self.posedirs
        if vertex_subset is not None:
            template, shapedirs = template[vertex_subset], shapedirs[vertex_subset]
            weights = weights[vertex_subset]
            posedirs = None if posedirs is None else posedirs[vertex_subset]
        unposed = blend(template, shapedirs, betas)
        if posedirs is not None:
            features = self.pose_features(rotations)
            unposed = unposed + (features @ posedirs.flatten(0, 1).T).unflatten(1, (-1, 3))
        rest = blend(self.joints_template, joints_columns, betas)
        orientations, positions = self.joint_transforms(rotations, rest)
        shifts = positions - (orientations @ rest[..., None])[..., 0]
        transforms = torch.cat([orientations, shifts[..., None]], dim=-1).flatten(2)
        blended = (weights @ transforms).unflatten(2, (3, 4))
        vertices = (blended[..., :3] @ unposed[..., None])[..., 0] + blended[..., 3]
        return PosedBody(vertices, positions, orientations)


def blend(template: Tensor, directions: Tensor, betas: Tensor) -> Tensor:
    """template [N,3] plus directions [N,3,B] times betas [P,B'], B' <= B: [P,N,3]."""
    used = directions[..., : betas.shape[1]]
    return template + (betas @ used.flatten(0, 1).T).unflatten(1, (-1, 3))


def _float32(array: object) -> Tensor:
    return torch.as_tensor(array, dtype=torch.float32).contiguous()
