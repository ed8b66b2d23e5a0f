# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers as the user wants them, in place of those that were fitted."""

from __future__ import annotations

from ...body.arrays import FloatArray
from ...body.body_data import BodyData
from ...body.hands import SIDES, hand_joints
from .rig_options import Hands


def with_hands(body: BodyData, pose: FloatArray, hands: Hands) -> FloatArray:
    """The pose [T,J,3] with other fingers; itself if the body has none, or no mean hand where one
    is wanted (`hand_notes`)."""
    if hands == "FITTED" or (hands == "RELAXED" and body.hands is None):
        return pose
    result = pose.copy()
    for side in SIDES:
        joints = list(hand_joints(body.skeleton, side))
        result[:, joints] = body.hands.mean(side) if hands == "RELAXED" else 0.0
    return result


def hand_notes(body: BodyData, hands: Hands) -> list[str]:
    """What the user should know of the fingers, one sentence each."""
    if hands == "RELAXED" and body.hands is None and hand_joints(body.skeleton, "left"):
        return [f"The body {body.name} tells of no relaxed hand: fingers stay as fitted."]
    return []
