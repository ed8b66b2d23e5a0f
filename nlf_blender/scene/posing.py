# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits in numpy: the unposed body of a person, its posed vertices, the bones' channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..body.arrays import Float64Array, FloatArray
from ..body.body_data import BodyData
from ..body.conventions import (
    blender_points_from_smpl,
    blender_root_positions,
    blender_root_rotations,
    blender_rotations_from_smpl,
    bone_rotations,
)
from ..body.kinematics import global_transforms, rest_joints, skinning_transforms
from ..body.rotations import continuous_quaternions, matrix_from_rotvec, quaternion_from_matrix

UP = np.array([0.0, 0.0, 1.0])


class BodyFit(Protocol):
    """One person's fit through T frames: rotation vectors relative to the parent, radians; betas
    and scale: the person's shape; metres, or what scale makes of them."""

    @property
    def pose(self) -> FloatArray:
        """[T,J,3]."""
        ...

    @property
    def translation(self) -> FloatArray:
        """[T,3]."""
        ...

    @property
    def betas(self) -> Float64Array:
        """[B]."""
        ...

    @property
    def scale(self) -> float:
        """A factor on the whole body before translation."""
        ...


@dataclass(frozen=True)
class RestBody:
    """A person's unposed body, in SMPL's axes and metres, the person's scale applied.

    vertices [V,3]; joints [J,3].
    """

    vertices: Float64Array
    joints: Float64Array


def rest_body(body: BodyData, person: BodyFit) -> RestBody:
    """The unposed body with the person's shape and scale, without pose correctives."""
    directions = body.shapedirs[:, :, : len(person.betas)]
    vertices = body.v_template + directions @ person.betas
    joints = rest_joints(body.joints_template, body.joints_shapedirs, person.betas)
    return RestBody(person.scale * vertices, person.scale * joints)


def pose_correctives(body: BodyData, person: BodyFit, frame: int) -> Float64Array | None:
    """Offsets [V,3] that the pose adds to the unposed body; None for a body without posedirs.

    As in SMPL: linear in the entries of the rotations of all joints but the root, less identity.
    """
    if body.posedirs is None:
        return None
    root = body.skeleton.root
    turned = np.delete(matrix_from_rotvec(person.pose[frame]), root, axis=0) - np.eye(3)
    return person.scale * (body.posedirs @ turned.ravel())


def posed_vertices(body: BodyData, person: BodyFit, rest: RestBody, frame: int) -> Float64Array:
    """Vertices [V,3] of the fit in camera space, metres: linear blend skinning."""
    transforms = skinning_transforms(
        global_transforms(
            matrix_from_rotvec(person.pose[frame]),
            rest.joints,
            body.skeleton.parents,
            person.translation[frame],
        ),
        rest.joints,
    )
    correctives = pose_correctives(body, person, frame)
    unposed = rest.vertices if correctives is None else rest.vertices + correctives
    blended = (body.weights @ transforms[:, :3].reshape(-1, 12)).reshape(-1, 3, 4)
    return (blended[:, :, :3] @ unposed[..., None])[..., 0] + blended[:, :, 3]


@dataclass(frozen=True)
class BoneChannels:
    """What the pose bones' channels hold: quaternions [T,J,4], the root's location [T,3]."""

    quaternions: Float64Array
    root_locations: Float64Array


def bone_channels(
    body: BodyData, person: BodyFit, rest: RestBody, bone_axes: Float64Array, height: float
) -> BoneChannels:
    """Channels of an armature in the world's origin whose bones start at `rest.joints`.

    bone_axes [J,3,3]: columns are the rest bones' axes; height: the camera's over the ground,
    metres. The root bone carries all motion through the world.
    """
    root = body.skeleton.root
    rotations = matrix_from_rotvec(person.pose)
    turned = blender_rotations_from_smpl(rotations)
    turned[:, root] = blender_root_rotations(rotations[:, root])
    rest_root = rest.joints[root]
    target = blender_root_positions(rest_root, person.translation) + height * UP
    head = blender_points_from_smpl(rest_root)
    return BoneChannels(
        continuous_quaternions(quaternion_from_matrix(bone_rotations(turned, bone_axes))),
        (target - head) @ bone_axes[root],
    )


def channels_in_place(body: BodyData, person: BodyFit, bone_axes: Float64Array) -> BoneChannels:
    """Channels of an armature that itself stands where the fit does, for fits in SMPL's axes.

    bone_axes: as in `bone_channels`. The root bone turns, but does not move.
    """
    turned = blender_rotations_from_smpl(matrix_from_rotvec(person.pose))
    quaternions = quaternion_from_matrix(bone_rotations(turned, bone_axes))
    return BoneChannels(continuous_quaternions(quaternions), np.zeros((len(turned), 3)))
