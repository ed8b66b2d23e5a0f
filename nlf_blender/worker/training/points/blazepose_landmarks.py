# SPDX-License-Identifier: GPL-3.0-or-later
"""Where BlazePose's 33 landmarks are on the canonical open body.

Training corrects a share of the frozen network's landmarks towards the truth (see
`model.landmarks`), so it must know what that truth is. Shoulders, hips, knees and ankles are the
body's joints. The others are the means of those eight of 2456 points in and on the body whose
projections were nearest, by the median, to what BlazePose saw in the better 800 of 2000 synthetic
crops; left and right averaged, whose own means were 9 to 28 mm apart.
"""

from __future__ import annotations

import numpy as np

from ....body.arrays import Float64Array
from ....body.sides import mirrored
from ..datasets.joint_places import place_of
from ..datasets.joint_sets import JointCatalogue

JOINT_SET = "blazepose33"
MEASURED = {
    "nose": (0.0, 0.173, 0.114),
    "left_eye_inner": (0.025, 0.195, 0.099),
    "left_eye": (0.032, 0.191, 0.097),
    "left_eye_outer": (0.036, 0.191, 0.092),
    "left_ear": (0.055, 0.179, 0.045),
    "mouth_left": (0.018, 0.139, 0.093),
    "left_elbow": (0.390, 0.152, 0.029),
    "left_wrist": (0.602, 0.267, 0.003),
    "left_pinky": (0.662, 0.307, -0.004),
    "left_index": (0.666, 0.302, 0.018),
    "left_thumb": (0.650, 0.291, 0.021),
    "left_heel": (0.692, -1.156, -0.068),
    "left_foot_index": (0.693, -1.166, 0.122),
}


_landmarks = JointCatalogue().get(JOINT_SET)
landmark_mirror = _landmarks.mirror  # [33]: each landmark's counterpart


def landmark_places() -> Float64Array:
    """The landmarks [33,3] on the canonical open body, metres, in BlazePose's order."""
    names = _landmarks.joints
    places = np.full((len(names), 3), np.nan)
    for row, name in enumerate(names):
        if name in MEASURED:
            places[row] = MEASURED[name]
            places[landmark_mirror[row]] = mirrored(places[row])
    for row in np.flatnonzero(np.isnan(places[:, 0])):
        places[row] = place_of("open24", names[row])
    return places
