# SPDX-License-Identifier: GPL-3.0-or-later
"""What bones are called: SMPL's joint names, and those of other rigs; which part a joint is of."""

from __future__ import annotations

from typing import Literal

Naming = Literal["SMPL", "BLENDER", "MIXAMO", "UE"]
BodyPart = Literal["BODY", "LEFT_HAND", "RIGHT_HAND", "FACE"]

FINGERS = ("Index", "Middle", "Pinky", "Ring", "Thumb")
FINGER_BONES = (1, 2, 3)
FACE_JOINTS = frozenset({"Jaw", "L_Eye", "R_Eye"})

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
    **{
        f"{finger}{bone}": (
            f"{'' if finger == 'Thumb' else 'f_'}{finger.lower()}.{bone:02d}",
            f"Hand{finger}{bone}",
            f"{finger.lower()}_{bone:02d}",
        )
        for finger in FINGERS
        for bone in FINGER_BONES
    },
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


def finger_joints(joint_names: tuple[str, ...], side: Literal["L", "R"]) -> tuple[int, ...] | None:
    """The 15 joints of one hand in the order of SMPL's hand poses; None for a body without."""
    wanted = [f"{side}_{finger}{bone}" for finger in FINGERS for bone in FINGER_BONES]
    if not set(wanted) <= set(joint_names):
        return None
    return tuple(joint_names.index(name) for name in wanted)


def is_finger(joint_name: str) -> bool:
    """Whether a joint is one of a single finger's."""
    side, name = _split(joint_name)
    return bool(side) and name[:-1] in FINGERS and name[-1:].isdigit()


def body_part(joint_name: str) -> BodyPart:
    """The part of the body that a joint is of, as for the collections of its bones."""
    if joint_name in FACE_JOINTS:
        return "FACE"
    if is_finger(joint_name):
        return "LEFT_HAND" if joint_name.startswith("L_") else "RIGHT_HAND"
    return "BODY"
