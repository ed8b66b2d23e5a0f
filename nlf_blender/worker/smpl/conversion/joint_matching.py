# SPDX-License-Identifier: GPL-3.0-or-later
"""Which joints of two bodies are the same one, by their names."""

from __future__ import annotations

import re

from ....body.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

# The trees of SMPL-H and SMPL-X, whose files hold no names: SMPL's body without its hands, then
# (SMPL-X) jaw and eyes, then three joints for each finger, the left hand's first.
BODY_NAMES, BODY_PARENTS = SMPL_JOINT_NAMES[:22], SMPL_PARENTS[:22]
FACE_NAMES, FACE_PARENTS = ("Jaw", "L_Eye", "R_Eye"), (15, 15, 15)
FINGERS = ("Index", "Middle", "Pinky", "Ring", "Thumb")
WRISTS = {"L": 20, "R": 21}
NUMBERED_NAME = re.compile(r"Joint_\d+")
SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
PREFIXES = ("m_avg_", "f_avg_", "mixamorig:")  # of skeletons exported from SMPL's and other tools
SUFFIXES = ("_smplhf",)


def _with_fingers(names: tuple[str, ...], parents: tuple[int, ...]) -> Skeleton:
    all_names, all_parents = list(names), list(parents)
    for side, wrist in WRISTS.items():
        for finger in FINGERS:
            for joint in range(3):
                all_parents.append(len(all_names) - 1 if joint else wrist)
                all_names.append(f"{side}_{finger}{joint + 1}")
    return Skeleton(tuple(all_names), tuple(all_parents))


SMPLH_SKELETON = _with_fingers(BODY_NAMES, BODY_PARENTS)
SMPLX_SKELETON = _with_fingers(BODY_NAMES + FACE_NAMES, BODY_PARENTS + FACE_PARENTS)


def known_names(skeleton: Skeleton) -> tuple[str, ...]:
    """The joints' names; those of SMPL-H or SMPL-X for a tree like theirs without names."""
    if all(NUMBERED_NAME.fullmatch(name) for name in skeleton.joint_names):
        for known in (SMPLH_SKELETON, SMPLX_SKELETON):
            if known.parents == skeleton.parents:
                return known.joint_names
    return skeleton.joint_names


def plain_name(name: str) -> tuple[str, str]:
    """A joint's side ("left", "right" or "") and name, alike for L_Hip, left_hip and hip.L."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    words = [word for word in re.split(r"[\W_]+", name.lower()) if word]
    side = ""
    for place in (0, -1):
        if len(words) > 1 and not side and words[place] in SIDES:
            side = SIDES[words.pop(place)]
    return side, "".join(words)


def same_joints(first: Skeleton, second: Skeleton) -> list[tuple[int, int]]:
    """Pairs of joints with the same name, in the order of the first body; numbers are no names."""
    place = {
        plain_name(name): joint
        for joint, name in enumerate(known_names(second))
        if not NUMBERED_NAME.fullmatch(name)
    }
    names = [plain_name(name) for name in known_names(first)]
    return [(joint, place[name]) for joint, name in enumerate(names) if name in place]
