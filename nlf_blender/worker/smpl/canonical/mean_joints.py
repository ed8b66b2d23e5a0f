# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the joints of the mean neutral SMPL body are; figures that many projects have published.

SMPL's files are licensed and cannot be shipped. Without one, these joints are all that tells how
its canonical body stands.
"""

from __future__ import annotations

import numpy as np

from ....body.arrays import Float64Array
from ....body.kinematics import global_transforms
from ....body.rotations import matrix_from_rotvec
from ....body.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, SMPL_SKELETON
from .canonical_pose import canonical_turns
from .mirror_map import symmetrized

# Millimetres from the parent's joint in the rest pose; the pelvis from the file's origin. SMPL's
# axes: x to the body's left, y up, z to its front.
BONES_MM = {
    "Pelvis": (-1.8, -223.3, 28.2),
    "L_Hip": (69.5, -91.4, -6.8),
    "R_Hip": (-67.7, -90.5, -4.3),
    "Spine1": (-2.5, 109.0, -26.7),
    "L_Knee": (34.3, -375.2, -4.5),
    "R_Knee": (-38.3, -382.6, -8.9),
    "Spine2": (5.5, 135.2, 1.1),
    "L_Ankle": (-13.6, -398.0, -43.7),
    "R_Ankle": (15.8, -398.4, -42.3),
    "Spine3": (1.5, 52.9, 25.4),
    "L_Foot": (26.4, -55.8, 119.3),
    "R_Foot": (-25.4, -48.1, 123.3),
    "Neck": (-2.8, 213.9, -42.9),
    "L_Collar": (78.8, 121.7, -34.1),
    "R_Collar": (-81.8, 118.8, -38.6),
    "Head": (5.2, 65.0, 51.3),
    "L_Shoulder": (91.0, 30.5, -8.9),
    "R_Shoulder": (-96.0, 32.6, -9.1),
    "L_Elbow": (259.6, -12.8, -27.5),
    "R_Elbow": (-253.7, -13.3, -21.4),
    "L_Wrist": (249.2, 9.0, -1.2),
    "R_Wrist": (-255.3, 7.8, -5.6),
    "L_Hand": (84.0, -8.2, -14.9),
    "R_Hand": (-84.6, -6.1, -10.3),
}


def mean_rest_joints() -> Float64Array:
    """SMPL's joints [24,3] at rest, in SMPL's order, symmetric; metres."""
    rest = np.zeros((len(SMPL_JOINT_NAMES), 3))
    for joint, (name, parent) in enumerate(zip(SMPL_JOINT_NAMES, SMPL_PARENTS, strict=True)):
        bone = np.array(BONES_MM[name]) / 1000
        rest[joint] = bone if parent < 0 else rest[parent] + bone
    return symmetrized(rest, np.array(SMPL_SKELETON.mirrored()))


def mean_canonical_joints() -> Float64Array:
    """The same [24,3] in canonical pose."""
    rotations = matrix_from_rotvec(canonical_turns(SMPL_SKELETON))
    return global_transforms(rotations, mean_rest_joints(), SMPL_PARENTS, np.zeros(3))[:, :3, 3]
