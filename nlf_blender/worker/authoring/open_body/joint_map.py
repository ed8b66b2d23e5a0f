# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of Anny's 104 bones each of SMPL's 24 joints stands for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ....body.skeleton import SMPL_JOINT_NAMES

_CENTRAL_BONES = {
    "Pelvis": ["root", "pelvis.L", "pelvis.R", "spine05"],
    "Spine1": ["spine04", "spine03"],
    "Spine2": ["spine02"],
    "Spine3": ["spine01"],
    "Neck": ["neck01", "neck02", "neck03"],
}
_SIDE_BONES = {
    "Hip": ["upperleg01", "upperleg02"],
    "Knee": ["lowerleg01", "lowerleg02"],
    "Ankle": ["foot"],
    "Collar": ["clavicle", "shoulder01"],
    "Shoulder": ["upperarm01", "upperarm02"],
    "Elbow": ["lowerarm01", "lowerarm02"],
    "Wrist": ["wrist", "metacarpal1", "metacarpal2", "metacarpal3", "metacarpal4"],
}
_SIDE_DIGITS = {"Foot": ("toe", range(1, 6)), "Hand": ("finger", range(2, 6))}
_LABELS_OF_SIDE = {"L_": ".L", "R_": ".R"}


@dataclass(frozen=True)
class JointMap:
    """How bones carry over: owner [bones], the joint each bone's weight goes to; heads [24,bones],
    rows summing to 1, the bone heads whose mean is the joint's position."""

    owner: NDArray[np.int64]
    heads: NDArray[np.float64]

    def merge_weights(self, bone_weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """Skinning weights [V,bones] -> [V,24], rows summing to 1."""
        merged = bone_weights.astype(np.float64) @ np.eye(24)[self.owner]
        return merged / merged.sum(1, keepdims=True)


def joint_map(labels: list[str]) -> JointMap:
    """The map for Anny's default rig; ValueError when `labels` are another rig's."""
    bones, head_bones = _central_lists(labels)
    for side, suffix in _LABELS_OF_SIDE.items():
        for joint, names in _SIDE_BONES.items():
            bones[side + joint] = [n + suffix for n in names]
            head_bones[side + joint] = [names[0] + suffix]
        for joint, (prefix, digits) in _SIDE_DIGITS.items():
            bones[side + joint] = [b for b in labels if b.startswith(prefix) and b.endswith(suffix)]
            head_bones[side + joint] = [f"{prefix}{i}-1{suffix}" for i in digits]
    if sorted(chain.from_iterable(bones.values())) != sorted(labels):
        raise ValueError("these are not the bones of Anny's default rig")
    owner = np.empty(len(labels), np.int64)
    heads = np.zeros((24, len(labels)))
    for joint, name in enumerate(SMPL_JOINT_NAMES):
        owner[[labels.index(b) for b in bones[name]]] = joint
        heads[joint, [labels.index(b) for b in head_bones[name]]] = 1 / len(head_bones[name])
    return JointMap(owner, heads)


def _central_lists(labels: list[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Bones of the central joints, and the one bone whose head is the joint."""
    bones = {joint: list(names) for joint, names in _CENTRAL_BONES.items()}
    bones["Head"] = [b for b in ("head", "eye.L", "eye.R") if b in labels]
    return bones, {joint: names[:1] for joint, names in bones.items()}
