# SPDX-License-Identifier: GPL-3.0-or-later
"""The fitted armature: its rest bones, its pose, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...body.bone_names import bone_names
from ...body.skeleton import Skeleton
from ...protocol.take import ModelInfo
from ..datablocks import NewDatablocks
from ..materials import linear_color
from .bone_collections import collect_bones
from .bones import BoneLayout
from .posing import BodyFit, BodyShape, BoneChannels
from .rig_options import RigOptions

LEFT_COLOR = "#2f7de1"
RIGHT_COLOR = "#f08a24"
BONE_WIDTH = 0.1  # of its length, where bones are shown as boxes; else fingers hide in theirs
JOINT_OF_BONE = "nlf_joint"  # custom property of bones: the name of their joint in the body
ROOT_BONE = "root"  # carries travel and heading; it is of no joint
ROOT_BONE_METRES = 0.3
ROOT_COLLECTION = "Root"


def make_rig(
    new: NewDatablocks,
    name: str,
    skeleton: Skeleton,
    layout: BoneLayout,
    options: RigOptions,
    ground: Float64Array | None = None,
) -> bpy.types.Object:
    """An armature in its rest pose, in the world's origin, not yet in any scene; ground [3]: where
    it gets a root bone on the ground, if it does."""
    armature = new.add(bpy.data.armatures.new(name))
    rig = new.add(bpy.data.objects.new(name, armature))
    names = bone_names(skeleton.joint_names, options.naming)
    with edit_mode(rig):
        _add_bones(armature, skeleton, layout, names)
        if ground is not None:
            _add_root_bone(armature, names[skeleton.root], ground)
    for joint, bone_name in enumerate(names):
        bone = armature.bones[bone_name]
        bone[JOINT_OF_BONE] = skeleton.joint_names[joint]
        bone.bbone_x = bone.bbone_z = BONE_WIDTH * bone.length
        _color_bone(bone, layout.left[joint], layout.right[joint])
    collect_bones(armature, dict(zip(skeleton.joint_names, names, strict=True)))
    if ground is not None:
        armature.bones[ROOT_BONE][JOINT_OF_BONE] = ""
        armature.collections.new(ROOT_COLLECTION).assign(armature.bones[ROOT_BONE])
    rig["nlf_naming"] = options.naming
    rig["nlf_rest_pose"] = options.rest_pose
    rig["nlf_hands"] = options.hands
    rig.show_in_front = True
    return rig


def joint_of_bone(bone: bpy.types.Bone) -> str:
    """The name of a bone's joint, whatever the bone is called."""
    return bone.get(JOINT_OF_BONE, bone.name)


def bones_by_joint(rig: bpy.types.Object) -> dict[str, str]:
    """The names of a rig's bones by those of their joints."""
    return {joint_of_bone(bone): bone.name for bone in rig.data.bones}


@contextmanager
def edit_mode(rig: bpy.types.Object) -> Iterator[None]:
    """Edit mode in a scene of its own, so that the user's mode, selection and tool stay as they
    are."""
    tool = _active_tool()
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
        if tool and tool != _active_tool():  # Blender takes the first one as the mode changes
            bpy.ops.wm.tool_set_by_id(name=tool, space_type="VIEW_3D")


def _active_tool() -> str:
    """The tool of the 3D View in the user's mode; "" without a window."""
    context = bpy.context
    if context.window is None:
        return ""
    tool = context.workspace.tools.from_space_view3d_mode(context.mode)
    return tool.idname if tool is not None else ""


def _add_bones(
    armature: bpy.types.Armature, skeleton: Skeleton, layout: BoneLayout, names: tuple[str, ...]
) -> None:
    for joint in skeleton.depth_order():
        bone = armature.edit_bones.new(names[joint])
        bone.head = layout.heads[joint]
        bone.tail = layout.tails[joint]
        bone.align_roll(layout.z_axes[joint])
        parent = skeleton.parents[joint]
        if parent >= 0:
            bone.parent = armature.edit_bones[names[parent]]
            bone.use_connect = layout.connected[joint]


def _add_root_bone(armature: bpy.types.Armature, child: str, ground: Float64Array) -> None:
    """A bone along the armature's y axis that the body hangs from."""
    bone = armature.edit_bones.new(ROOT_BONE)
    bone.head = ground
    bone.tail = _root_tail(ground)
    bone.align_roll((0.0, 0.0, 1.0))
    bone.use_deform = False
    armature.edit_bones[child].parent = bone


def _root_tail(head: Float64Array) -> Float64Array:
    return head + np.array([0.0, ROOT_BONE_METRES, 0.0])


def move_bones(
    rig: bpy.types.Object,
    skeleton: Skeleton,
    layout: BoneLayout,
    ground: Float64Array | None,
) -> None:
    """Give a rig another person's rest; its other bones stay. The armature is no one else's."""
    names = bones_by_joint(rig)
    with edit_mode(rig):
        bones = rig.data.edit_bones
        for joint in skeleton.depth_order():
            bone = bones.get(names.get(skeleton.joint_names[joint], ""))
            if bone is not None:
                bone.head, bone.tail = layout.heads[joint], layout.tails[joint]
                bone.align_roll(layout.z_axes[joint])
        if ground is not None and ROOT_BONE in bones:
            bones[ROOT_BONE].head = ground
            bones[ROOT_BONE].tail = _root_tail(ground)


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
    bones, names = rig.data.bones, bones_by_joint(rig)
    return np.array([bones[names[joint]].matrix_local.to_3x3() for joint in skeleton.joint_names])


def set_pose(rig: bpy.types.Object, skeleton: Skeleton, channels: BoneChannels, frame: int) -> None:
    """Pose the armature as in this frame of the channels."""
    names = bones_by_joint(rig)
    for joint, name in enumerate(skeleton.joint_names):
        bone = rig.pose.bones[names[name]]
        bone.rotation_mode = "QUATERNION"
        bone.rotation_quaternion = channels.quaternions[frame, joint]
        if joint == skeleton.root:
            bone.location = channels.root_locations[frame]


def describe_fit(rig: bpy.types.Object, person: BodyFit, frame: int) -> None:
    """Write the fit's parameters as custom properties.

    nlf_pose: as in the take, rotation vectors in SMPL's order of joints, from the template's pose,
    whichever pose the rig rests in; with the fingers that the rig has.
    """
    describe_shape(rig, person)
    rig["nlf_pose"] = person.pose[frame].astype(float).ravel().tolist()
    rig["nlf_translation"] = person.translation[frame].astype(float).tolist()


def describe_shape(rig: bpy.types.Object, person: BodyShape) -> None:
    """Write the person's shape as custom properties."""
    rig["nlf_betas"] = person.betas.tolist()
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
