# SPDX-License-Identifier: GPL-3.0-or-later
"""The 24 joints that poses are sampled for, and rotations along their tree."""

from __future__ import annotations

import numpy as np

JOINT_NAMES = (
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
)
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
INDEX = {name: index for index, name in enumerate(JOINT_NAMES)}
MIRRORED = tuple(
    INDEX[
        name.replace("left_", "right_")
        if name.startswith("left_")
        else name.replace("right_", "left_")
    ]
    for name in JOINT_NAMES
)


def _t_pose_directions() -> dict[str, np.ndarray]:
    """Direction of each limb's bone in the T-pose: x left, y up, z to the front."""
    directions = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for joint in ("collar", "shoulder", "elbow", "wrist", "hand"):
            directions[f"{side}_{joint}"] = np.array([sign, 0.0, 0.0])
        for joint in ("hip", "knee"):
            directions[f"{side}_{joint}"] = np.array([0.0, -1.0, 0.0])
        directions[f"{side}_ankle"] = np.array([0.0, -0.38, 0.92])
        directions[f"{side}_foot"] = np.array([0.0, 0.0, 1.0])
    return directions


T_POSE_DIRECTIONS = _t_pose_directions()


def to_local(world: np.ndarray) -> np.ndarray:
    """World rotations [...,24,3,3] -> rotations relative to the parent."""
    local = world.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            local[..., joint, :, :] = (
                np.swapaxes(world[..., parent, :, :], -1, -2) @ (world[..., joint, :, :])
            )
    return local


def to_world(local: np.ndarray) -> np.ndarray:
    """Rotations relative to the parent [...,24,3,3] -> world rotations."""
    world = local.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            world[..., joint, :, :] = world[..., parent, :, :] @ local[..., joint, :, :]
    return world


def mirror_pose(local: np.ndarray) -> np.ndarray:
    """The pose [24,3,3] seen in a mirror: left and right exchanged."""
    flip = np.diag([-1.0, 1.0, 1.0]).astype(local.dtype)
    return flip @ local[list(MIRRORED)] @ flip
