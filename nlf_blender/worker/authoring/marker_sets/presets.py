# SPDX-License-Identifier: GPL-3.0-or-later
"""The marker sets: what each system calls its markers, and which landmark each is at.

A line is `NAME landmark` for the middle of the body, or `LEFT RIGHT landmark`, with - where a
system has no marker on that side; L_Hip and the like are joints of the open body.
"""

from __future__ import annotations

from typing import NamedTuple

LEFT, RIGHT, MIDDLE = "left", "right", ""
NO_MARKER = "-"


class Row(NamedTuple):
    """A marker's name, its side (LEFT, RIGHT or MIDDLE) and the landmark it is at."""

    name: str
    side: str
    landmark: str


class Preset(NamedTuple):
    """file: the asset's name without a suffix; rows: one for each marker, in the system's order."""

    file: str
    name: str
    description: str
    rows: tuple[Row, ...]


def rows_of(table: str) -> tuple[Row, ...]:
    """One row for each marker of lines as above. ValueError for a line that is not understood."""
    rows: list[Row] = []
    for line in table.splitlines():
        *names, landmark = line.split() or [""]
        if len(names) > 2 or bool(names) != bool(landmark):
            raise ValueError(f"not a name, or two, and a landmark: {line}")
        sides = (MIDDLE,) if len(names) == 1 else (LEFT, RIGHT)
        rows += [
            Row(name, side, landmark)
            for name, side in zip(names, sides, strict=False)
            if name != NO_MARKER
        ]
    return tuple(rows)


_HEAD_AND_TRUNK = """
LFHD RFHD temple
LBHD RBHD back_corner
C7 c7
T10 t10
CLAV notch
STRN xiphoid
"""
_ARMS = """
LSHO RSHO acromion
LUPA RUPA upper_arm_outer
LELB RELB elbow_outer
LFRM RFRM forearm_back
LWRA RWRA wrist_thumb
LWRB RWRB wrist_little
LFIN RFIN index_knuckle
"""
PLUG_IN_GAIT = Preset(
    "plug_in_gait",
    "Plug-in Gait",
    "The 39 markers of the full-body Plug-in Gait model, as its guide places them. RBAK is on the "
    "right alone, so that a system of cameras can tell the sides apart.",
    rows_of(f"""{_HEAD_AND_TRUNK}
- RBAK scapula{_ARMS}
LASI RASI asis
LPSI RPSI psis
LTHI RTHI thigh_outer
LKNE RKNE knee_outer
LTIB RTIB shin_outer
LANK RANK ankle_outer
LHEE RHEE heel
LTOE RTOE second_toe_root
"""),
)
CMU_41 = Preset(
    "cmu_41",
    "CMU 41",
    "The 41 markers of the Carnegie Mellon University motion capture database, with the labels of "
    "its C3D files. RBAC is on the right alone.",
    rows_of(f"""{_HEAD_AND_TRUNK}
- RBAC scapula{_ARMS}
LFWT RFWT waist_front
LBWT RBWT waist_back
LTHI RTHI thigh_outer_half
LKNE RKNE knee_outer
LSHN RSHN shin_outer_half
LANK RANK ankle_outer
LHEE RHEE heel
LTOE RTOE second_toe_root
LMT5 RMT5 little_toe_root
"""),
)
HELEN_HAYES = Preset(
    "helen_hayes",
    "Helen Hayes",
    "The full-body Helen Hayes set with the labels of Motion Analysis' software: 25 markers, and "
    "those on the inner side of knees and ankles that stand for the axes (Kadaba et al. 1990). "
    "R.Offset is on the right alone.",
    rows_of("""
Top.Head crown
Front.Head forehead
Rear.Head back_of_head
L.Shoulder R.Shoulder acromion
- R.Offset scapula_tip
L.Elbow R.Elbow elbow_outer
L.Wrist R.Wrist wrist_back
L.ASIS R.ASIS asis
V.Sacral sacrum
L.Thigh R.Thigh thigh_outer_half
L.Knee R.Knee knee_outer
L.Shank R.Shank shin_outer_half
L.Ankle R.Ankle ankle_outer
L.Heel R.Heel heel
L.Toe R.Toe instep
L.Knee.Medial R.Knee.Medial knee_inner
L.Ankle.Medial R.Ankle.Medial ankle_inner
"""),
)
OPENSIM = Preset(
    "opensim_rajagopal",
    "OpenSim full body (Rajagopal)",
    "The 66 markers of OpenSim's full-body model of Rajagopal et al. 2016, with the model's names: "
    "skin markers, clusters on the limbs, and joint centres (names that end in JC) inside.",
    rows_of("""
LACR RACR acromion
C7 c7
CLAV notch
LASH RASH shoulder_front
LPSH RPSH shoulder_back
LSJC RSJC L_Shoulder
LUA1 RUA1 upper_arm_outer_high
LUA2 RUA2 upper_arm_front
LUA3 RUA3 upper_arm_back
LLEL RLEL elbow_outer
LMEL RMEL elbow_inner
LEJC REJC elbow_centre
LFAsuperior RFAsuperior forearm_low_back
LFAradius RFAradius wrist_thumb
LFAulna RFAulna wrist_little
LASI RASI asis
LPSI RPSI psis
LHJC RHJC hip_centre
LTH1 RTH1 thigh_front_high
LTH2 RTH2 thigh_front
LTH3 RTH3 thigh_outer
LLFC RLFC knee_outer
LMFC RMFC knee_inner
LKJC RKJC knee_centre
L_tibial_plateau R_tibial_plateau plateau
LTB1 RTB1 shin_front_high
LTB2 RTB2 shin_front
LTB3 RTB3 shin_outer
LLMAL RLMAL ankle_outer
LMMAL RMMAL ankle_inner
LAJC RAJC ankle_centre
LCAL RCAL heel
LTOE RTOE second_toe_root
LMT5 RMT5 little_toe_root
"""),
)
OPTITRACK = Preset(
    "optitrack_baseline_37",
    "OptiTrack Baseline 37",
    "The 37 markers of OptiTrack Motive's Baseline set. HeadSide is on the left alone.",
    rows_of("""
HeadTop crown
HeadFront forehead
HeadSide - side_of_head
BackTop t2
BackLeft BackRight scapula
Chest sternum
LShoulderBack RShoulderBack shoulder_back
LShoulderTop RShoulderTop acromion
LUArmHigh RUArmHigh upper_arm_outer_high
LElbowOut RElbowOut elbow_outer
LWristIn RWristIn wrist_thumb
LWristOut RWristOut wrist_little
LHandOut RHandOut little_knuckle
WaistLFront WaistRFront asis
WaistLBack WaistRBack psis
LThigh RThigh thigh_outer_half
LKneeOut RKneeOut knee_outer
LShin RShin shin_outer_half
LAnkleOut RAnkleOut ankle_outer
LToeIn RToeIn big_toe_root
LToeOut RToeOut little_toe_root
"""),
)
