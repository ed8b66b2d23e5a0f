# SPDX-License-Identifier: GPL-3.0-or-later
"""Bone collections, so that fingers and face can be shown and hidden by themselves."""

from __future__ import annotations

from collections.abc import Mapping

import bpy

from ...body.bone_names import BodyPart, body_part

BODY, HANDS, FACE = "Body", "Hands", "Face"
HAND_COLLECTIONS: tuple[tuple[BodyPart, str], ...] = (
    ("LEFT_HAND", "Left Hand"),
    ("RIGHT_HAND", "Right Hand"),
)


def collect_bones(armature: bpy.types.Armature, bones: Mapping[str, str]) -> None:
    """Put each bone into the collection of its part; bones: their names by those of the joints.

    Only what the body has gets a collection; both hands are within one.
    """
    parts = {bone: body_part(joint) for joint, bone in bones.items()}
    _fill(armature, BODY, "BODY", parts, None)
    if {"LEFT_HAND", "RIGHT_HAND"} & set(parts.values()):
        hands = armature.collections.new(HANDS)
        for part, name in HAND_COLLECTIONS:
            _fill(armature, name, part, parts, hands)
    if "FACE" in parts.values():
        _fill(armature, FACE, "FACE", parts, None)


def _fill(
    armature: bpy.types.Armature,
    name: str,
    wanted: BodyPart,
    parts: Mapping[str, BodyPart],
    parent: bpy.types.BoneCollection | None,
) -> None:
    collection = armature.collections.new(name, parent=parent)
    for bone, part in parts.items():
        if part == wanted:
            collection.assign(armature.bones[bone])
