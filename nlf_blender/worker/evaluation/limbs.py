# SPDX-License-Identifier: GPL-3.0-or-later
"""The twelve limb joints that every skeleton has, so that models of any skeleton compare."""

from __future__ import annotations

LIMB_NAMES = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
# BlazePose's numbers of the same joints.
BLAZEPOSE_LIMBS = (11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
