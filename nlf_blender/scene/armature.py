# SPDX-License-Identifier: GPL-3.0-or-later
"""The fitted armature: its rest bones, its pose, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import bpy
import numpy as np

from ..body.arrays import Float64Array
from ..body.skeleton import Skeleton
from ..protocol.take import ModelInfo
from .bones import BoneLayout
from .datablocks import NewDatablocks
from .materials import linear_color
from .posing import BodyFit, BoneChannels

LEFT_COLOR = "#2f7de1"
RIGHT_COLOR = "#f08a24"


def make_rig(
    new: NewDatablocks, name: str, skeleton: Skeleton, layout: BoneLayout
) -> bpy.types.Object:
    """An armature in its rest pose, in the world's origin, not yet in any scene."""
    armature = new.add(bpy.data.armatures.new(name))
    rig = new.add(bpy.data.objects.new(name, armature))
    with _edit_mode(rig):
        _add_bones(armature, skeleton, layout)
    for joint, bone_name in enumerate(skeleton.joint_names):
        _color_bone(armature.bones[bone_name], layout.left[joint], layout.right[joint])
    rig.show_in_front = True
    return rig


@contextmanager
def _edit_mode(rig: bpy.types.Object) -> Iterator[None]:
    """Edit mode in a scene of its own, so that the user's mode and selection stay as they are."""
    scene = bpy.data.scenes.new("NLF rest bones")
    try:
        scene.collection.objects.link(rig)
        layer = scene.view_layers[0]
        layer.objects.active = rig
        with bpy.context.temp_override(
            scene=scene, view_layer=layer, active_object=rig, object=rig, edit_object=None
        ):
            bpy.ops.object.mode_set(mode="EDIT")
            yield
            bpy.ops.object.mode_set(mode="OBJECT")
        layer.update()  # makes the pose bones
    finally:
        bpy.data.scenes.remove(scene)


def _add_bones(armature: bpy.types.Armature, skeleton: Skeleton, layout: BoneLayout) -> None:
    for joint in skeleton.depth_order():
        bone = armature.edit_bones.new(skeleton.joint_names[joint])
        bone.head = layout.heads[joint]
        bone.tail = layout.tails[joint]
        bone.align_roll(layout.z_axes[joint])
        parent = skeleton.parents[joint]
        if parent >= 0:
            bone.parent = armature.edit_bones[skeleton.joint_names[parent]]
            bone.use_connect = layout.connected[joint]


def _color_bone(bone: bpy.types.Bone, left: bool, right: bool) -> None:
    if not left and not right:
        return
    red, green, blue, _ = linear_color(LEFT_COLOR if left else RIGHT_COLOR)
    bone.color.palette = "CUSTOM"
    bone.color.custom.normal = (red, green, blue)
    bone.color.custom.select = tuple(0.5 + 0.5 * c for c in (red, green, blue))
    bone.color.custom.active = tuple(0.25 + 0.75 * c for c in (red, green, blue))


def rest_axes(rig: bpy.types.Object, skeleton: Skeleton) -> Float64Array:
    """The rest bones' axes in the armature [J,3,3], one a column, in the order of the joints."""
    bones = rig.data.bones
    return np.array([bones[name].matrix_local.to_3x3() for name in skeleton.joint_names])


def set_pose(rig: bpy.types.Object, skeleton: Skeleton, channels: BoneChannels, frame: int) -> None:
    """Pose the armature as in this frame of the channels."""
    for joint, name in enumerate(skeleton.joint_names):
        bone = rig.pose.bones[name]
        bone.rotation_mode = "QUATERNION"
        bone.rotation_quaternion = channels.quaternions[frame, joint]
        if joint == skeleton.root:
            bone.location = channels.root_locations[frame]


def describe_fit(rig: bpy.types.Object, person: BodyFit, frame: int) -> None:
    """Write the fit's parameters as custom properties."""
    rig["nlf_pose"] = person.pose[frame].astype(float).ravel().tolist()
    rig["nlf_betas"] = person.betas.tolist()
    rig["nlf_translation"] = person.translation[frame].astype(float).tolist()
    rig["nlf_scale"] = person.scale


def describe_origin(rig: bpy.types.Object, body: ModelInfo, texts: Mapping[str, str]) -> None:
    """Write where the fit came from as custom properties: the body, and further texts."""
    all_texts = {
        **texts,
        "body": body.name,
        "body_sha256": body.sha256,
        "body_license": body.license,
    }
    for key, text in all_texts.items():
        rig[f"nlf_{key}"] = text
