# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's motion in the world as the channels of their rig's bones, in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...body.arrays import Float64Array
from ...body.body_data import BodyData
from ...body.conventions import (
    blender_points_from_smpl,
    blender_rotations_from_smpl,
    blender_world_root_rotations,
    bone_rotations,
)
from ...body.rest_pose import RestPose
from ...body.rotations import continuous_quaternions, matrix_from_quaternion, quaternion_from_matrix
from ..person.posing import BoneChannels, RestBody


@dataclass(frozen=True)
class RootStyle:
    """root_bone: a bone on the ground carries travel and heading, which the body's root joint then
    moves from; in_place: without the travel over the ground."""

    root_bone: bool = False
    in_place: bool = False


@dataclass(frozen=True, eq=False)
class FootageChannels:
    """Channels of a rig over T moments. bones: of the body's joints; ground: of the root bone
    (quaternions [T,1,4], root_locations [T,3]), None without one; start [2]: where over the
    ground the person was first, which in_place keeps them at."""

    bones: BoneChannels
    ground: BoneChannels | None
    start: Float64Array


def ground_head(rest: RestBody, pose: RestPose, root: int) -> Float64Array:
    """Where the root bone starts [3] in the rest armature: under the root joint, at the height of
    the soles."""
    head = blender_points_from_smpl(rest.joints[root])
    soles = blender_points_from_smpl(pose.carried_points(rest.vertices))[:, 2].min()
    return np.array([head[0], head[1], soles])


def footage_channels(
    body: BodyData,
    rotations: Float64Array,
    places: Float64Array,
    rest: RestBody,
    pose: RestPose,
    bone_axes: Float64Array,
    style: RootStyle,
) -> FootageChannels:
    """Channels of an armature in the world's origin.

    rotations [T,J,3,3]: of the root from SMPL's axes to the world, of others relative to the
    parent; places [T,3]: of the root joint, metres, world; bone_axes: as in
    `posing.bone_channels`. The root bone has the armature's axes.
    """
    root, head = body.skeleton.root, blender_points_from_smpl(rest.joints[body.skeleton.root])
    rotations = pose.from_rest(rotations, body.skeleton.parents)
    turned = blender_rotations_from_smpl(rotations)
    turned[:, root] = blender_world_root_rotations(rotations[:, root])
    first = places[0, :2].copy()
    if style.in_place:
        places = np.concatenate([np.tile(first, (len(places), 1)), places[:, 2:]], axis=1)
    ground = None
    if style.root_bone:
        start = ground_head(rest, pose, root)
        headings = _headings(turned[:, root])
        feet = places * (1.0, 1.0, 0.0)
        back = np.swapaxes(matrix_from_quaternion(headings), -1, -2)
        turned[:, root] = back @ turned[:, root]
        places = (back @ (places - feet)[..., None])[..., 0] + start
        ground = BoneChannels(continuous_quaternions(headings[:, None]), feet - start)
    quaternions = quaternion_from_matrix(bone_rotations(turned, bone_axes))
    bones = BoneChannels(continuous_quaternions(quaternions), (places - head) @ bone_axes[root])
    return FootageChannels(bones, ground, first)


def _headings(rotations: Float64Array) -> Float64Array:
    """The turns about the vertical [T,4] that are in rotations [T,3,3]: their twist, which is
    smooth unless a person stands on their head."""
    quaternions = continuous_quaternions(quaternion_from_matrix(rotations))
    twist = quaternions * (1.0, 0.0, 0.0, 1.0)
    length = np.linalg.norm(twist, axis=-1, keepdims=True)
    return np.where(length > 1e-9, twist / np.maximum(length, 1e-9), (1.0, 0.0, 0.0, 0.0))
