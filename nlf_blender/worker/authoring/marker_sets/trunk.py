# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks of the head, the trunk and the pelvis."""

from __future__ import annotations

from .recipes import At, Between, BothSides, Farthest, Landmark, MiddleOf, Skin

HEAD = {
    "head_band": Landmark(
        "the middle of the head above the brows", At("Head", "80 up, 12 forward")
    ),
    "crown": Landmark("the top of the head", Skin(At("Head", "10 back"), "up")),
    "forehead": Landmark("the middle of the forehead", Skin(At("head_band"), "forward")),
    "back_of_head": Landmark("the back of the head", Skin(At("head_band"), "back")),
    "side_of_head": Landmark("the side of the head above the ear", Skin(At("head_band"), "out")),
    "temple": Landmark("the temple", Skin(At("head_band"), "out forward")),
    "back_corner": Landmark(
        "the back of the head, to the side, as high as the temple",
        Skin(At("head_band"), "out back"),
    ),
    "nose": Landmark("the tip of the nose", Farthest(At("Head", "100 forward"), "forward", 60)),
    "pupil": Landmark("the pupil", Farthest(At("eye"), "forward", 40, "left_eye")),
    "eye": Landmark("the centre of the eyeball", MiddleOf("left_eye")),
    "ear": Landmark("the ear, at its canal", Skin(At("Head", "18 up, 6 forward"), "out")),
    "jaw": Landmark(
        "the axis of the jaw, midway between its joints below the ears",
        At("Head", "6 up, 16 forward"),
    ),
    "face_middle": Landmark(
        "the middle of the head, as high as the tip of the nose", At("Head", "8 forward")
    ),
    "skull_top": Landmark("the middle of the skull", At("face_middle", "115 up, 8 back")),
}

TRUNK = {
    "c7": Landmark("the spine of the 7th cervical vertebra", Skin(At("Neck", "18 down"), "back")),
    "t2": Landmark("the spine of the 2nd thoracic vertebra", Skin(At("Neck", "60 down"), "back")),
    "t10": Landmark(
        "the spine of the 10th thoracic vertebra", Skin(At("Neck", "245 down"), "back")
    ),
    "notch": Landmark(
        "the notch between the collar bones above the breastbone",
        Skin(At("Neck", "52 down"), "forward"),
    ),
    "sternum": Landmark("the middle of the breastbone", Skin(At("Neck", "130 down"), "forward")),
    "xiphoid": Landmark(
        "the tip of the breastbone (xiphoid process)", Skin(At("Neck", "235 down"), "forward")
    ),
    "scapula": Landmark(
        "the middle of the shoulder blade", Skin(At("Neck", "150 down, 85 out"), "back")
    ),
    "scapula_tip": Landmark(
        "the lower tip of the shoulder blade", Skin(At("Neck", "190 down, 85 out"), "back")
    ),
    "shoulders": Landmark("the middle between the shoulder joints", BothSides("L_Shoulder")),
}

PELVIS = {
    "asis": Landmark(
        "the front upper spine of the hip bone (ASIS)",
        Skin(At("Pelvis", "56 up, 118 out"), "forward"),
    ),
    "psis": Landmark(
        "the back upper spine of the hip bone (PSIS)", Skin(At("Pelvis", "73 up, 46 out"), "back")
    ),
    "sacrum": Landmark("the sacrum, midway between both PSIS", Skin(At("Pelvis", "73 up"), "back")),
    "waist_front": Landmark(
        "the front of the waist, above the ASIS", Skin(At("Pelvis", "85 up, 105 out"), "forward")
    ),
    "waist_back": Landmark(
        "the back of the waist, above the PSIS", Skin(At("Pelvis", "95 up, 60 out"), "back")
    ),
    "hips": Landmark("the middle between the hip joints", BothSides("L_Hip")),
    # Harrington et al. 2007 for a pelvis 236 mm wide and 150 mm deep, 20 mm under the skin
    "hip_centre": Landmark("the centre of the hip joint", At("asis", "82 down, 33 in, 66 back")),
    "waist": Landmark("half way up the trunk", Between("hips", "neck_base")),
    "neck_base": Landmark("the base of the neck, above the breastbone", At("Neck", "25 down")),
}
