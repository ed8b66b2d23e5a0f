# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits in numpy: the unposed body of a person, its posed vertices, the bones' channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...body.arrays import Float64Array, FloatArray
from ...body.body_data import BodyData
from ...body.conventions import (
    blender_points_from_smpl,
    blender_root_positions,
    blender_root_rotations,
    blender_rotations_from_smpl,
    bone_rotations,
)
from ...body.forward import pose_correctives, skinned, unposed_body
from ...body.kinematics import blended_transforms, global_transforms, skinning_transforms
from ...body.rest_pose import RestPose, offsets_to
from ...body.rotations import continuous_quaternions, matrix_from_rotvec, quaternion_from_matrix

UP = np.array([0.0, 0.0, 1.0])


class BodyShape(Protocol):
    """One person's shape."""

    @property
    def betas(self) -> Float64Array:
        """[B]."""
        ...

    @property
    def scale(self) -> float:
        """A factor on the whole body before translation."""
        ...


class BodyFit(BodyShape, Protocol):
    """One person's fit through T frames: rotation vectors relative to the parent, radians; metres,
    or what scale makes of them."""

    @property
    def pose(self) -> FloatArray:
        """[T,J,3]."""
        ...

    @property
    def translation(self) -> FloatArray:
        """[T,3]."""
        ...


@dataclass(frozen=True)
class RestBody:
    """A person's unposed body, in SMPL's axes and metres, the person's scale applied.

    vertices [V,3]; joints [J,3].
    """

    vertices: Float64Array
    joints: Float64Array


def rest_body(body: BodyData, person: BodyShape) -> RestBody:
    """The unposed body with the person's shape and scale, in the template's pose."""
    unposed = unposed_body(body, person.betas)
    return RestBody(person.scale * unposed.vertices, person.scale * unposed.joints)


def posed_vertices(body: BodyData, person: BodyFit, frame: int) -> Float64Array:
    """Vertices [V,3] of the fit in camera space, metres."""
    rotations = matrix_from_rotvec(person.pose[frame])
    unposed = unposed_body(body, person.betas)
    return skinned(body, unposed, rotations, person.translation[frame], person.scale).vertices


@dataclass(frozen=True, eq=False)
class Binding:
    """What a mesh is bound to its rig as, beside its shape; SMPL's axes, the person's scale.

    rest: the pose that both rest in; rest_correctives [V,3]: what that pose adds to the template;
    correctives [V,3]: what the fit adds to the mesh at rest; None where there is nothing to add.
    """

    rest: RestPose
    rest_correctives: Float64Array | None
    correctives: Float64Array | None


def bind(body: BodyData, person: BodyFit, rest: RestBody, pose: RestPose, frame: int) -> Binding:
    """Bind a person in a rest pose, so that the pose of this frame shows `posed_vertices`.

    Skinning in two steps, by the means of two sets of transforms, is not skinning by the means of
    their products. So where the rest is not the template's, the correctives are whatever leads
    from the mesh at rest to the fit: the pose's own, and the difference of the two skinnings.
    """
    rotations = matrix_from_rotvec(person.pose[frame])
    if not pose.moves:
        return Binding(pose, None, _scaled_correctives(body, rotations, person.scale))
    at_rest = _scaled_correctives(body, pose.rotations, person.scale)
    template = rest.vertices if at_rest is None else rest.vertices + at_rest
    posed = global_transforms(
        rotations, rest.joints, body.skeleton.parents, person.translation[frame]
    )
    transforms = skinning_transforms(posed, rest.joints) @ np.linalg.inv(pose.transforms)
    moves = blended_transforms(body.weights, transforms)
    target = posed_vertices(body, person, frame)
    return Binding(pose, at_rest, offsets_to(moves, pose.carried_points(template), target))


def bind_at_rest(body: BodyData, person: BodyShape, pose: RestPose) -> Binding:
    """Bind a person in a rest pose, for a motion of which no single pose is the one to show."""
    at_rest = _scaled_correctives(body, pose.rotations, person.scale) if pose.moves else None
    return Binding(pose, at_rest, None)


def _scaled_correctives(
    body: BodyData, rotations: Float64Array, scale: float
) -> Float64Array | None:
    correctives = pose_correctives(body, rotations)
    return None if correctives is None else scale * correctives


@dataclass(frozen=True)
class BoneChannels:
    """What the pose bones' channels hold: quaternions [T,J,4], the root's location [T,3]."""

    quaternions: Float64Array
    root_locations: Float64Array


def bone_channels(
    body: BodyData,
    person: BodyFit,
    rest: RestBody,
    pose: RestPose,
    bone_axes: Float64Array,
    height: float,
) -> BoneChannels:
    """Channels of an armature in the world's origin that rests in this pose of `rest`.

    bone_axes [J,3,3]: columns are the rest bones' axes; height: the camera's over the ground,
    metres. The root bone carries all motion through the world.
    """
    root = body.skeleton.root
    rotations = pose.from_rest(matrix_from_rotvec(person.pose), body.skeleton.parents)
    turned = blender_rotations_from_smpl(rotations)
    turned[:, root] = blender_root_rotations(rotations[:, root])
    rest_root = rest.joints[root]
    target = blender_root_positions(rest_root, person.translation) + height * UP
    head = blender_points_from_smpl(rest_root)
    return BoneChannels(
        continuous_quaternions(quaternion_from_matrix(bone_rotations(turned, bone_axes))),
        (target - head) @ bone_axes[root],
    )


def channels_in_place(
    body: BodyData, person: BodyFit, pose: RestPose, bone_axes: Float64Array
) -> BoneChannels:
    """Channels of an armature that itself stands where the fit does, for fits in SMPL's axes.

    pose, bone_axes: as in `bone_channels`. The root bone turns, but does not move.
    """
    rotations = pose.from_rest(matrix_from_rotvec(person.pose), body.skeleton.parents)
    turned = blender_rotations_from_smpl(rotations)
    quaternions = quaternion_from_matrix(bone_rotations(turned, bone_axes))
    return BoneChannels(continuous_quaternions(quaternions), np.zeros((len(turned), 3)))
