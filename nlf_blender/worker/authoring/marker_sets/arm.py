# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks of the left arm and hand."""

from __future__ import annotations

from .recipes import Along, At, Between, Farthest, Landmark, Skin

SHOULDER = {
    "acromion": Landmark(
        "the acromion, the bone on top of the shoulder",
        Skin(At("L_Shoulder", "40 in, 5 back"), "up"),
    ),
    "shoulder_front": Landmark(
        "the front of the shoulder, before its joint", Skin(At("L_Shoulder"), "forward")
    ),
    "shoulder_back": Landmark(
        "the back of the shoulder, behind its joint", Skin(At("L_Shoulder"), "back")
    ),
}

ARM = {
    "elbow_axis": Landmark("the middle of the elbow's axis", At("L_Elbow", "12 shoulder", "arm")),
    "elbow_outer": Landmark(
        "the outer bone of the elbow (lateral epicondyle)", Skin(At("elbow_axis", "", "arm"), "up")
    ),
    "elbow_inner": Landmark(
        "the inner bone of the elbow (medial epicondyle)", Skin(At("elbow_axis", "", "arm"), "down")
    ),
    "elbow_centre": Landmark("the centre of the elbow", Between("elbow_outer", "elbow_inner")),
    "upper_arm_third": Landmark(
        "a third down the upper arm", Between("L_Shoulder", "elbow_axis", 0.33)
    ),
    "upper_arm_half": Landmark("half way down the upper arm", Between("L_Shoulder", "elbow_axis")),
    "upper_arm_low": Landmark(
        "two thirds down the upper arm", Between("L_Shoulder", "elbow_axis", 0.67)
    ),
    "upper_arm_outer_high": Landmark(
        "the outside of the upper arm, a third down", Skin(At("upper_arm_third", "", "arm"), "up")
    ),
    "upper_arm_outer": Landmark(
        "the outside of the upper arm, half way down", Skin(At("upper_arm_half", "", "arm"), "up")
    ),
    "upper_arm_front": Landmark(
        "the outside and front of the upper arm, two thirds down",
        Skin(At("upper_arm_low", "", "arm"), "up forward"),
    ),
    "upper_arm_back": Landmark(
        "the outside and back of the upper arm, two thirds down",
        Skin(At("upper_arm_low", "", "arm"), "up back"),
    ),
    "forearm_half": Landmark("half way down the forearm", Between("elbow_axis", "L_Wrist")),
    "forearm_low": Landmark("70 % down the forearm", Between("elbow_axis", "L_Wrist", 0.7)),
    "forearm_back": Landmark(
        "the back of the forearm, half way down", Skin(At("forearm_half", "", "arm"), "up")
    ),
    "forearm_low_back": Landmark(
        "the back of the forearm, 70 % down", Skin(At("forearm_low", "", "arm"), "up")
    ),
    "wrist_thumb": Landmark(
        "the wrist on the thumb's side (radial styloid)", Skin(At("L_Wrist", "", "arm"), "forward")
    ),
    "wrist_little": Landmark(
        "the wrist on the little finger's side (ulnar styloid)",
        Skin(At("L_Wrist", "", "arm"), "back"),
    ),
    "wrist_back": Landmark(
        "the back of the wrist, midway between its styloids",
        Skin(At("wrist_centre", "", "arm"), "up"),
    ),
    "wrist_centre": Landmark("the centre of the wrist", Between("wrist_thumb", "wrist_little")),
}

HAND = {
    "thumb_tip": Landmark(
        "the tip of the thumb",
        Farthest(At("L_Hand", "7 shoulder, 81 forward, 58 down", "arm"), "hand forward down", 20),
    ),
    "index_tip": Landmark(
        "the tip of the index finger",
        Farthest(At("L_Hand", "71 hand, 49 forward, 35 down", "arm"), "hand", 20),
    ),
    "middle_tip": Landmark(
        "the tip of the middle finger",
        Farthest(At("L_Hand", "86 hand, 8 forward, 33 down", "arm"), "hand", 20),
    ),
    "ring_tip": Landmark(
        "the tip of the ring finger",
        Farthest(At("L_Hand", "77 hand, 26 back, 32 down", "arm"), "hand", 20),
    ),
    "little_tip": Landmark(
        "the tip of the little finger",
        Farthest(At("L_Hand", "42 hand, 47 back, 31 down", "arm"), "hand", 20),
    ),
    "index_1": Landmark(
        "the index finger's first joint", At("L_Hand", "1 hand, 32 forward, 3 down", "arm")
    ),
    "middle_1": Landmark(
        "the middle finger's first joint", At("L_Hand", "5 hand, 6 forward", "arm")
    ),
    "ring_1": Landmark("the ring finger's first joint", At("L_Hand", "12 back, 1 down", "arm")),
    "little_1": Landmark(
        "the little finger's first joint", At("L_Hand", "9 shoulder, 31 back, 5 down", "arm")
    ),
    "index_2": Landmark("the index finger's second joint", Along("index_tip", "index_1", 45)),
    "middle_2": Landmark("the middle finger's second joint", Along("middle_tip", "middle_1", 51)),
    "ring_2": Landmark("the ring finger's second joint", Along("ring_tip", "ring_1", 48)),
    "little_2": Landmark("the little finger's second joint", Along("little_tip", "little_1", 37)),
    "index_3": Landmark("the index finger's last joint", Along("index_tip", "index_1", 22)),
    "middle_3": Landmark("the middle finger's last joint", Along("middle_tip", "middle_1", 24)),
    "ring_3": Landmark("the ring finger's last joint", Along("ring_tip", "ring_1", 24)),
    "little_3": Landmark("the little finger's last joint", Along("little_tip", "little_1", 19)),
    "thumb_1": Landmark(
        "the thumb's joint at the wrist", At("L_Wrist", "26 hand, 20 forward, 12 down", "arm")
    ),
    "thumb_2": Landmark("the thumb's second joint", Between("thumb_3", "thumb_1", 0.42)),
    "thumb_3": Landmark("the thumb's last joint", Along("thumb_tip", "thumb_1", 27)),
    "index_knuckle": Landmark(
        "the knuckle of the index finger", Skin(At("index_1", "", "arm"), "up")
    ),
    "little_knuckle": Landmark(
        "the knuckle of the little finger", Skin(At("little_1", "", "arm"), "up")
    ),
}
