# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of keypoints and joints, in the order of the systems that they come from."""

from __future__ import annotations

from ....body.skeleton import SMPL_JOINT_NAMES, SMPLX_JOINT_NAMES
from .presets import LEFT, MIDDLE, RIGHT, Preset, Row, rows_of

COCO_17 = Preset(
    "coco_17",
    "COCO-17",
    "The 17 keypoints of the COCO dataset, in its order. Limb joints are inside the body.",
    rows_of("""
nose nose
left_eye right_eye pupil
left_ear right_ear ear
left_shoulder right_shoulder L_Shoulder
left_elbow right_elbow elbow_centre
left_wrist right_wrist wrist_centre
left_hip right_hip L_Hip
left_knee right_knee knee_centre
left_ankle right_ankle ankle_centre
"""),
)
BODY_25 = Preset(
    "openpose_body_25",
    "OpenPose BODY-25",
    "The 25 keypoints of OpenPose's BODY_25 model, in its order. Neck and MidHip are half way "
    "between the shoulders and the hips.",
    rows_of("""
Nose nose
Neck shoulders
- RShoulder L_Shoulder
- RElbow elbow_centre
- RWrist wrist_centre
LShoulder - L_Shoulder
LElbow - elbow_centre
LWrist - wrist_centre
MidHip hips
- RHip L_Hip
- RKnee knee_centre
- RAnkle ankle_centre
LHip - L_Hip
LKnee - knee_centre
LAnkle - ankle_centre
- REye pupil
LEye - pupil
- REar ear
LEar - ear
LBigToe - big_toe
LSmallToe - small_toe
LHeel - heel
- RBigToe big_toe
- RSmallToe small_toe
- RHeel heel
"""),
)
HUMAN36M_17 = Preset(
    "human36m_17",
    "Human3.6M-17",
    "The 17 joints of Human3.6M that pose estimators are compared by, in their usual order and "
    "with their usual names. Joints are inside the body; Head is 115 mm above Neck/Nose, as in the "
    "dataset's skeleton.",
    rows_of("""
Hip hips
- RHip L_Hip
- RKnee knee_centre
- RFoot ankle_centre
LHip - L_Hip
LKnee - knee_centre
LFoot - ankle_centre
Spine waist
Thorax neck_base
Neck/Nose face_middle
Head skull_top
LShoulder - L_Shoulder
LElbow - elbow_centre
LWrist - wrist_centre
- RShoulder L_Shoulder
- RElbow elbow_centre
- RWrist wrist_centre
"""),
)
_HANDS = {
    f"{finger}{number}": f"{landmark}_{number}"
    for finger, landmark in zip(
        ("Index", "Middle", "Pinky", "Ring", "Thumb"),
        ("index", "middle", "little", "ring", "thumb"),
        strict=True,
    )
    for number in (1, 2, 3)
}
_OTHER = {"Jaw": "jaw", "Eye": "eye", **_HANDS}
_SIDES = {"L_": LEFT, "R_": RIGHT}


def _smpl_row(name: str) -> Row:
    side = _SIDES.get(name[:2], MIDDLE)
    plain = name[2:] if side else name
    return Row(name, side, _OTHER.get(plain, f"L_{plain}" if side else plain))


def _smplx_row(name: str) -> Row:
    """With the name that SMPL-X's own tools give it: left_index1, left_eye_smplhf."""
    row = _smpl_row(name)
    shown = f"{row.side}_{name[2:].lower()}" if row.side else name.lower()
    return row._replace(name=f"{shown}_smplhf" if row.landmark == "eye" else shown)


SMPL_24 = Preset(
    "smpl_24",
    "SMPL-24",
    "The 24 joints of SMPL, in its order, where the open body has them: at a rig's joints, which "
    "are not all where SMPL's regressor puts them (its hips are lower and nearer to the middle).",
    tuple(map(_smpl_row, SMPL_JOINT_NAMES)),
)
SMPLX_55 = Preset(
    "smplx_55",
    "SMPL-X-55",
    "The 55 joints of SMPL-X, in its order and with its names. Joints of the body are the open "
    "body's own; those of fingers, jaw and eyes are found from its shape.",
    tuple(map(_smplx_row, SMPLX_JOINT_NAMES)),
)
