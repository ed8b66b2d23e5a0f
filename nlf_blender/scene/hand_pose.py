# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers as the user wants them, in place of those that were fitted."""

from __future__ import annotations

import numpy as np

from ..body.arrays import Float64Array, FloatArray
from ..body.body_data import BodyData
from ..body.bone_names import finger_joints
from .rig_options import Hands


def with_hands(body: BodyData, pose: FloatArray, hands: Hands) -> FloatArray:
    """The pose [T,J,3] with other fingers; itself if the body has none, or no mean hand where one
    is wanted (`lacks_relaxed_hands`)."""
    if hands == "FITTED":
        return pose
    result = pose.copy()
    for side, mean in _hand_means(body, hands):
        joints = finger_joints(body.skeleton.joint_names, side)
        if joints is not None:
            result[:, list(joints)] = mean.reshape(-1, 3)
    return result


def _hand_means(body: BodyData, hands: Hands) -> list[tuple[str, Float64Array]]:
    if hands == "FLAT":
        return [("L", np.zeros(45)), ("R", np.zeros(45))]
    if body.hands is None:
        return []
    return [("L", body.hands.left_mean), ("R", body.hands.right_mean)]


def hand_notes(body: BodyData, hands: Hands) -> list[str]:
    """What the user should know of the fingers, one sentence each."""
    fingers = finger_joints(body.skeleton.joint_names, "L")
    if hands == "RELAXED" and fingers is not None and body.hands is None:
        return [f"The body {body.name} tells of no relaxed hand: fingers stay as fitted."]
    return []
