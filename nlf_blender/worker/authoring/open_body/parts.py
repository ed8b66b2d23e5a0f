# SPDX-License-Identifier: GPL-3.0-or-later
"""Names for the regions of the body's surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....body.skeleton import SMPL_JOINT_NAMES
from .geometry import Array

_CENTRAL_PARTS = {
    "torso": ("Pelvis", "Spine1", "Spine2", "Spine3", "L_Collar", "R_Collar"),
    "neck": ("Neck",),
    "head": ("Head",),
}
_LIMB_PARTS = {
    "upper_arm": ("Shoulder",),
    "forearm": ("Elbow",),
    "hand": ("Wrist", "Hand"),
    "thigh": ("Hip",),
    "shin": ("Knee",),
    "foot": ("Ankle", "Foot"),
}
_SIDES = {"left": "L_", "right": "R_"}
_SEPARATE_PARTS = ("left_eye", "right_eye", "tongue")


def part_joints() -> dict[str, tuple[str, ...]]:
    """The joints whose vertices make up each part; eyes and tongue are parts of their own."""
    parts = dict(_CENTRAL_PARTS)
    for side, prefix in _SIDES.items():
        for part, joints in _LIMB_PARTS.items():
            parts[f"{side}_{part}"] = tuple(prefix + joint for joint in joints)
    return parts


def label_parts(
    vertices: Array, weights: Array, component: NDArray[np.int32]
) -> tuple[list[str], NDArray[np.int32]]:
    """Part names and each vertex's part [V].

    The skin goes to the part with the largest summed weight [V,24], the first of equals (central
    parts come first, so the middle line belongs to them). Mesh components beside the largest are
    the tongue (on the middle line) and the eyes.
    """
    joints_of = part_joints()
    names = [*joints_of, *_SEPARATE_PARTS]
    columns = [[SMPL_JOINT_NAMES.index(j) for j in joints] for joints in joints_of.values()]
    totals = np.stack([weights[:, column].sum(1) for column in columns], axis=1)
    part = np.argmax(totals, axis=1).astype(np.int32)
    for label in range(1, int(component.max()) + 1):
        members = component == label
        middle = vertices[members, 0].mean()
        if abs(middle) < 1e-3:
            part[members] = names.index("tongue")
        else:
            part[members] = names.index("left_eye" if middle > 0 else "right_eye")
    return names, part
