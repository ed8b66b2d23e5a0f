# SPDX-License-Identifier: GPL-3.0-or-later
"""Bone names: all different, those that riggers and retargeting tools expect, mirrored by name."""

from __future__ import annotations

from collections import Counter

import pytest
from body_examples import SMALL_NAMES

from nlf_blender.body.bone_names import Naming, body_part, bone_names
from nlf_blender.body.skeleton import (
    SMPL_SKELETON,
    SMPLH_SKELETON,
    SMPLX_SKELETON,
    Skeleton,
    mirrored_name,
)

SKELETONS = (SMPL_SKELETON, SMPLH_SKELETON, SMPLX_SKELETON)
EXPECTED = {
    "Pelvis": ("spine", "mixamorig:Hips", "pelvis"),
    "Spine1": ("spine.001", "mixamorig:Spine", "spine_01"),
    "Spine3": ("spine.003", "mixamorig:Spine2", "spine_03"),
    "Neck": ("neck", "mixamorig:Neck", "neck_01"),
    "L_Hip": ("thigh.L", "mixamorig:LeftUpLeg", "thigh_l"),
    "R_Knee": ("shin.R", "mixamorig:RightLeg", "calf_r"),
    "L_Foot": ("toe.L", "mixamorig:LeftToeBase", "ball_l"),
    "R_Collar": ("shoulder.R", "mixamorig:RightShoulder", "clavicle_r"),
    "L_Shoulder": ("upper_arm.L", "mixamorig:LeftArm", "upperarm_l"),
    "L_Elbow": ("forearm.L", "mixamorig:LeftForeArm", "lowerarm_l"),
    "R_Wrist": ("hand.R", "mixamorig:RightHand", "hand_r"),
    "L_Index1": ("f_index.01.L", "mixamorig:LeftHandIndex1", "index_01_l"),
    "R_Thumb3": ("thumb.03.R", "mixamorig:RightHandThumb3", "thumb_03_r"),
    "Jaw": ("jaw", "mixamorig:Jaw", "jaw"),
    "R_Eye": ("eye.R", "mixamorig:RightEye", "eye_r"),
}


@pytest.mark.parametrize(("column", "naming"), [(0, "BLENDER"), (1, "MIXAMO"), (2, "UE")])
def test_names_are_those_of_the_other_rig(column: int, naming: Naming) -> None:
    joints = SMPLX_SKELETON.joint_names
    named = dict(zip(joints, bone_names(joints, naming), strict=True))
    assert {joint: named[joint] for joint in EXPECTED} == {
        joint: names[column] for joint, names in EXPECTED.items()
    }


@pytest.mark.parametrize("skeleton", SKELETONS)
@pytest.mark.parametrize("naming", ["SMPL", "BLENDER", "MIXAMO", "UE"])
def test_no_two_bones_have_the_same_name(skeleton: Skeleton, naming: Naming) -> None:
    names = bone_names(skeleton.joint_names, naming)
    assert len(set(names)) == skeleton.joint_count
    assert max(map(len, names)) < 64  # Blender cuts longer ones


@pytest.mark.parametrize("skeleton", SKELETONS)
@pytest.mark.parametrize("naming", ["SMPL", "BLENDER", "UE"])
def test_the_other_sides_bone_has_the_mirrored_name(skeleton: Skeleton, naming: Naming) -> None:
    names = bone_names(skeleton.joint_names, naming)
    others = [names[other] for other in skeleton.mirrored()]
    assert [mirrored_name(name) for name in names] == others


def test_smpl_names_are_the_joints_own() -> None:
    assert bone_names(SMPL_SKELETON.joint_names, "SMPL") == SMPL_SKELETON.joint_names


def test_a_body_with_unknown_joints_keeps_its_names() -> None:
    assert bone_names(SMALL_NAMES, "MIXAMO") == SMALL_NAMES
    numbered = ("Pelvis", "Joint_01")
    assert bone_names(numbered, "UE") == numbered


def test_joints_belong_to_body_hands_and_face() -> None:
    assert {body_part(name) for name in SMPL_SKELETON.joint_names} == {"BODY"}
    counts = Counter(body_part(name) for name in SMPLX_SKELETON.joint_names)
    assert counts == {"BODY": 22, "LEFT_HAND": 15, "RIGHT_HAND": 15, "FACE": 3}
    assert body_part("R_Pinky3") == "RIGHT_HAND"
