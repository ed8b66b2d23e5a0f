# SPDX-License-Identifier: GPL-3.0-or-later
"""What bones are called: SMPL's joint names, and those of other rigs; which part a joint is of."""

from __future__ import annotations

from typing import Literal

from .skeleton import HAND_JOINTS

Naming = Literal["SMPL", "BLENDER", "MIXAMO", "UE"]
BodyPart = Literal["BODY", "LEFT_HAND", "RIGHT_HAND", "FACE"]

FACE_JOINTS = frozenset({"Jaw", "L_Eye", "R_Eye"})


def _finger_names(finger: str, number: str) -> tuple[str, str, str]:
    """Names of a finger's bone, numbered from 1 outward, as in `_SIDED_NAMES`."""
    rigify = finger.lower() if finger == "Thumb" else f"f_{finger.lower()}"
    return (f"{rigify}.0{number}", f"Hand{finger}{number}", f"{finger.lower()}_0{number}")


# Joint without its side -> names for BLENDER (Rigify's, where it has one), MIXAMO and UE (the
# mannequin's). SMPL's Hand is one joint for all fingers, which other rigs do not have.
_MIDDLE_NAMES = {
    "Pelvis": ("spine", "Hips", "pelvis"),
    "Spine1": ("spine.001", "Spine", "spine_01"),
    "Spine2": ("spine.002", "Spine1", "spine_02"),
    "Spine3": ("spine.003", "Spine2", "spine_03"),
    "Neck": ("neck", "Neck", "neck_01"),
    "Head": ("head", "Head", "head"),
    "Jaw": ("jaw", "Jaw", "jaw"),
}
_SIDED_NAMES = {
    "Hip": ("thigh", "UpLeg", "thigh"),
    "Knee": ("shin", "Leg", "calf"),
    "Ankle": ("foot", "Foot", "foot"),
    "Foot": ("toe", "ToeBase", "ball"),
    "Collar": ("shoulder", "Shoulder", "clavicle"),
    "Shoulder": ("upper_arm", "Arm", "upperarm"),
    "Elbow": ("forearm", "ForeArm", "lowerarm"),
    "Wrist": ("hand", "Hand", "hand"),
    "Hand": ("fingers", "HandFingers", "fingers"),
    "Eye": ("eye", "Eye", "eye"),
    **{joint: _finger_names(joint[:-1], joint[-1]) for joint in HAND_JOINTS},
}
_MIXAMO_PREFIX = "mixamorig:"
_MIXAMO_SIDES = {"L": "Left", "R": "Right"}


def bone_names(joint_names: tuple[str, ...], naming: Naming) -> tuple[str, ...]:
    """The bones' names [J], all different, in the order of the joints.

    A body with a joint that is not one of SMPL's, SMPL-H's or SMPL-X's keeps its own names.
    SMPL, BLENDER and UE names mirror in Blender; Mixamo's do not.
    """
    if naming == "SMPL" or not all(_is_known(name) for name in joint_names):
        return joint_names
    return tuple(_bone_name(name, naming) for name in joint_names)


def _split(joint_name: str) -> tuple[str, str]:
    """Side, "L", "R" or "", and the name without it."""
    side, separator, rest = joint_name.partition("_")
    return (side, rest) if separator and side in _MIXAMO_SIDES else ("", joint_name)


def _is_known(joint_name: str) -> bool:
    side, name = _split(joint_name)
    return name in (_SIDED_NAMES if side else _MIDDLE_NAMES)


def _bone_name(joint_name: str, naming: Naming) -> str:
    side, name = _split(joint_name)
    blender, mixamo, ue = (_SIDED_NAMES if side else _MIDDLE_NAMES)[name]
    if naming == "MIXAMO":
        return f"{_MIXAMO_PREFIX}{_MIXAMO_SIDES.get(side, '')}{mixamo}"
    if naming == "BLENDER":
        return f"{blender}.{side}" if side else blender
    return f"{ue}_{side.lower()}" if side else ue


def is_finger(joint_name: str) -> bool:
    """Whether a joint is one of a single finger's."""
    side, name = _split(joint_name)
    return bool(side) and name in HAND_JOINTS


def body_part(joint_name: str) -> BodyPart:
    """The part of the body that a joint is of, as for the collections of its bones."""
    if joint_name in FACE_JOINTS:
        return "FACE"
    if is_finger(joint_name):
        return "LEFT_HAND" if joint_name.startswith("L_") else "RIGHT_HAND"
    return "BODY"
