# SPDX-License-Identifier: GPL-3.0-or-later
"""Which joints of two bodies are the same one, by their names."""

from __future__ import annotations

import re

from ....body.skeleton import Skeleton

NUMBERED_NAME = re.compile(r"Joint_\d+")
SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
PREFIXES = ("m_avg_", "f_avg_", "mixamorig:")  # of skeletons exported from SMPL's and other tools
SUFFIXES = ("_smplhf",)


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
        for joint, name in enumerate(second.joint_names)
        if not NUMBERED_NAME.fullmatch(name)
    }
    names = [plain_name(name) for name in first.joint_names]
    return [(joint, place[name]) for joint, name in enumerate(names) if name in place]
