# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks of the left leg and foot."""

from __future__ import annotations

from .recipes import At, Between, Farthest, Landmark, Skin

LEG = {
    "knee_axis": Landmark("the middle of the knee's axis", At("L_Knee", "25 down", "leg")),
    "knee_outer": Landmark(
        "the outer bone of the knee (lateral epicondyle)", Skin(At("knee_axis", "", "leg"), "out")
    ),
    "knee_inner": Landmark(
        "the inner bone of the knee (medial epicondyle)", Skin(At("knee_axis", "", "leg"), "in")
    ),
    "knee_centre": Landmark("the centre of the knee", Between("knee_outer", "knee_inner")),
    "thigh_high": Landmark("40 % down the thigh", Between("L_Hip", "knee_axis", 0.4)),
    "thigh_half": Landmark("half way down the thigh", Between("L_Hip", "knee_axis")),
    "thigh_low": Landmark("two thirds down the thigh", Between("L_Hip", "knee_axis", 0.67)),
    "thigh_outer": Landmark(
        "the outside of the thigh, two thirds down", Skin(At("thigh_low", "", "leg"), "out")
    ),
    "thigh_outer_half": Landmark(
        "the outside of the thigh, half way down", Skin(At("thigh_half", "", "leg"), "out")
    ),
    "thigh_front_high": Landmark(
        "the front and outside of the thigh, 40 % down",
        Skin(At("thigh_high", "", "leg"), "out forward"),
    ),
    "thigh_front": Landmark(
        "the front of the thigh, half way down", Skin(At("thigh_half", "", "leg"), "forward")
    ),
    "plateau": Landmark(
        "the outer front edge of the shin bone's top (tibial plateau)",
        Skin(At("knee_axis", "32 down", "leg"), "out forward"),
    ),
    "shin_high": Landmark("40 % down the shin", Between("knee_axis", "L_Ankle", 0.4)),
    "shin_half": Landmark("half way down the shin", Between("knee_axis", "L_Ankle")),
    "shin_low": Landmark("two thirds down the shin", Between("knee_axis", "L_Ankle", 0.67)),
    "shin_outer": Landmark(
        "the outside of the shin, two thirds down", Skin(At("shin_low", "", "leg"), "out")
    ),
    "shin_outer_half": Landmark(
        "the outside of the shin, half way down", Skin(At("shin_half", "", "leg"), "out")
    ),
    "shin_front_high": Landmark(
        "the front and outside of the shin, 40 % down",
        Skin(At("shin_high", "", "leg"), "out forward"),
    ),
    "shin_front": Landmark(
        "the front of the shin, half way down", Skin(At("shin_half", "", "leg"), "forward")
    ),
}

FOOT = {
    "ankle_outer": Landmark(
        "the outer bone of the ankle (lateral malleolus)",
        Skin(At("L_Ankle", "8 down, 4 back", "leg"), "out"),
    ),
    "ankle_inner": Landmark(
        "the inner bone of the ankle (medial malleolus)",
        Skin(At("L_Ankle", "2 up, 6 forward", "leg"), "in"),
    ),
    "ankle_centre": Landmark("the centre of the ankle", Between("ankle_outer", "ankle_inner")),
    "heel": Landmark("the back of the heel", Farthest(At("L_Ankle", "45 down", "leg"), "back", 80)),
    "second_toe_root": Landmark(
        "the head of the second metatarsal, on top of the foot",
        Skin(At("L_Foot", "16 in, 4 back", "leg"), "up"),
    ),
    "instep": Landmark(
        "the top of the foot between the second and third metatarsal heads",
        Skin(At("L_Foot", "9 in, 6 back", "leg"), "up"),
    ),
    "big_toe_root": Landmark(
        "the inner side of the big toe's root (first metatarsal head)",
        Skin(At("L_Foot", "20 in, 8 back, 5 down", "leg"), "in"),
    ),
    "little_toe_root": Landmark(
        "the outer side of the little toe's root (fifth metatarsal head)",
        Skin(At("L_Foot", "20 out, 22 back, 8 down", "leg"), "out"),
    ),
    "big_toe": Landmark(
        "the tip of the big toe",
        Farthest(At("L_Foot", "36 in, 60 forward, 10 down", "leg"), "forward", 25),
    ),
    "small_toe": Landmark(
        "the tip of the little toe",
        Farthest(At("L_Foot", "40 out, 22 forward, 12 down", "leg"), "forward", 10),
    ),
}
