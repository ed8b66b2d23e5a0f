# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's rig from footage: at rest, and the channels that move it."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...body.rest_pose import RestPose, rest_pose
from ...body.rotations import matrix_from_quaternion, matrix_from_rotvec, quaternion_from_matrix
from ..actions import Channel
from ..datablocks import NewDatablocks
from ..person.armature import (
    ROOT_BONE,
    bones_by_joint,
    describe_origin,
    describe_shape,
    make_rig,
    rest_axes,
)
from ..person.bones import lay_out_bones
from ..person.posing import BoneChannels, RestBody, rest_body
from ..person.rig_options import RigOptions
from .channels import FootageChannels, RootStyle, footage_channels, ground_head
from .doubt import add_properties, doubt_channels
from .objects import MOTION_FILE, RIG, mark
from .take import FootagePerson, FootageTake
from .time_map import Samples


@dataclass(frozen=True, eq=False)
class Resting:
    """A person at rest, without and with the pose that rig and mesh rest in."""

    body: RestBody
    pose: RestPose

    @classmethod
    def of(cls, take: FootageTake, person: FootagePerson, options: RigOptions) -> Resting:
        """As these options want it."""
        rest = rest_body(take.body, person)
        return cls(rest, rest_pose(take.body, rest.joints, options.rest_pose))


def make_footage_rig(
    new: NewDatablocks,
    take: FootageTake,
    person: FootagePerson,
    resting: Resting,
    options: RigOptions,
    style: RootStyle,
) -> bpy.types.Object:
    """A rig at rest that tells where it came from."""
    skeleton = take.body.skeleton
    layout = lay_out_bones(take.body, resting.body, resting.pose)
    ground = root_bone_place(take, resting, style)
    rig = make_rig(new, f"{person.info.name} Rig", skeleton, layout, options, ground)
    for bone in rig.pose.bones:
        bone.rotation_mode = "QUATERNION"
    describe_shape(rig, person)
    describe_motion(rig, person)
    add_properties(rig)
    info = take.info
    origin = {
        "track": person.info.name,
        "source": info.source.path,
        "software": info.software,
        "created": info.created,
        "model": info.model.name,
        "model_sha256": info.model.sha256,
        "model_license": info.model.license,
    }
    describe_origin(rig, info.body, origin)
    mark(rig, take.folder, RIG, person.info.id)
    return rig


def describe_motion(rig: bpy.types.Object, person: FootagePerson) -> None:
    """Note on a rig which motion it has, and the pose of its first frame, as of a photo."""
    rig["nlf_pose"] = person.pose[0].ravel().tolist()
    rig[MOTION_FILE] = person.info.file


def root_bone_place(take: FootageTake, resting: Resting, style: RootStyle) -> Float64Array | None:
    """Where the root bone starts [3], None without one."""
    if not style.root_bone:
        return None
    return ground_head(resting.body, resting.pose, take.body.skeleton.root)


def motion_channels(
    rig: bpy.types.Object,
    take: FootageTake,
    person: FootagePerson,
    resting: Resting,
    samples: Samples,
    style: RootStyle,
) -> tuple[list[Channel], FootageChannels]:
    """All that moves a rig, and what it is made from."""
    rotations = matrix_from_rotvec(person.pose)
    if not samples.exact:
        rotations = matrix_from_quaternion(samples.turned(quaternion_from_matrix(rotations)))
    axes = rest_axes(rig, take.body.skeleton)
    places = samples.linear(person.motion["root"])
    found = footage_channels(take.body, rotations, places, resting.body, resting.pose, axes, style)
    names = bones_by_joint(rig)
    bones = [names[joint] for joint in take.body.skeleton.joint_names]
    channels = _bone_channels(bones, found.bones, take.body.skeleton.root, samples.frames)
    if found.ground is not None and ROOT_BONE in rig.data.bones:
        channels += _bone_channels([ROOT_BONE], found.ground, 0, samples.frames)
    return channels + doubt_channels(person.motion, samples), found


def _bone_channels(
    bones: list[str], values: BoneChannels, root: int, frames: Float64Array
) -> list[Channel]:
    channels = []
    for index, name in enumerate(bones):
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"]'
        if index == root:
            channels.append(Channel(f"{path}.location", frames, values.root_locations, name))
        turns = np.ascontiguousarray(values.quaternions[:, index])
        channels.append(Channel(f"{path}.rotation_quaternion", frames, turns, name, rotation=True))
    return channels
