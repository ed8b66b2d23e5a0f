# SPDX-License-Identifier: GPL-3.0-or-later
"""The joints of public datasets and body models, in their own order, under one style of names.

Names are COCO's (`left_shoulder`), with `pelvis`, `thorax`, `neck`, `head_top` between the sides.
The same name in two sets need not be the same place in the body: COCO's hips are clicked on the
trunk, SMPL's lie in the joint. That is why the joints of each set are learnt for themselves.
"""

from __future__ import annotations

from ....body.skeleton import SMPL_JOINT_NAMES, SMPLH_JOINT_NAMES, SMPLX_JOINT_NAMES

_SIDES = ("left", "right")


def smpl_style(name: str) -> str:
    """`left_hip` for SMPL's own `L_Hip`; names without a side in small letters."""
    for letter, side in (("L_", "left_"), ("R_", "right_")):
        if name.startswith(letter):
            return side + name.removeprefix(letter).lower()
    return name.lower()


def _both(joints: str, first: str = "left") -> tuple[str, ...]:
    """Each of these joints on the first side, then on the other."""
    other = _SIDES[_SIDES.index(first) - 1]
    return tuple(f"{side}_{joint}" for joint in joints.split() for side in (first, other))


def _side(side: str, joints: str) -> tuple[str, ...]:
    return tuple(f"{side}_{joint}" for joint in joints.split())


_ARM, _LEG = "shoulder elbow wrist", "hip knee ankle"
_LIMBS = f"{_ARM} {_LEG}"
_FEET = "big_toe small_toe heel"

COCO = ("nose", *_both("eye ear"), *_both(_LIMBS), *_side("left", _FEET), *_side("right", _FEET))

OPENPOSE = (
    *("nose", "neck"),
    *(*_side("right", _ARM), *_side("left", _ARM), "pelvis"),
    *(*_side("right", _LEG), *_side("left", _LEG)),
    *(*_both("eye ear", "right"), *_side("left", _FEET), *_side("right", _FEET)),
)

# Those of the 32 that are not at another's place, in the order of the 32.
HUMAN36M = (
    "pelvis",
    *_side("right", f"{_LEG} foot toe_end"),
    *_side("left", f"{_LEG} foot toe_end"),
    *("spine", "thorax", "neck", "head_top"),
    *_side("left", f"{_ARM} thumb_end hand"),
    *_side("right", f"{_ARM} thumb_end hand"),
)
# Their rows of the 32.
HUMAN36M_ROWS = (*range(11), *range(12, 16), 17, 18, 19, 21, 22, 25, 26, 27, 29, 30)
HUMAN36M_17 = (
    *("pelvis", *_side("right", _LEG), *_side("left", _LEG)),
    *("spine", "thorax", "neck", "head_top"),
    *(*_side("left", _ARM), *_side("right", _ARM)),
)

MPI_INF_3DHP = (
    *("spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top"),
    *_side("left", f"clavicle {_ARM} hand"),
    *_side("right", f"clavicle {_ARM} hand"),
    *_side("left", f"{_LEG} foot toe"),
    *_side("right", f"{_LEG} foot toe"),
)
# Of its test set.
MPI_INF_3DHP_17 = (
    *("head_top", "neck", *_side("right", _ARM), *_side("left", _ARM)),
    *(*_side("right", _LEG), *_side("left", _LEG), "pelvis", "spine", "head"),
)

MPII = (
    *(*reversed(_side("right", _LEG)), *_side("left", _LEG)),
    *("pelvis", "thorax", "neck", "head_top"),
    *(*reversed(_side("right", _ARM)), *_side("left", _ARM)),
)
LSP = (
    *(*reversed(_side("right", _LEG)), *_side("left", _LEG)),
    *(*reversed(_side("right", _ARM)), *_side("left", _ARM), "neck", "head_top"),
)
PANOPTIC = (
    *("neck", "nose", "pelvis", *_side("left", _LIMBS), *_side("right", _LIMBS)),
    *(*_side("left", "eye ear"), *_side("right", "eye ear")),
)
BLAZEPOSE = (
    *("nose", *_side("left", "eye_inner eye eye_outer")),
    *(*_side("right", "eye_inner eye eye_outer"), *_both("ear"), "mouth_left", "mouth_right"),
    *(*_both(f"{_ARM} pinky index thumb"), *_both(f"{_LEG} heel foot_index")),
)

SMPL = tuple(map(smpl_style, SMPL_JOINT_NAMES))
SMPLH = tuple(map(smpl_style, SMPLH_JOINT_NAMES))
SMPLX = tuple(map(smpl_style, SMPLX_JOINT_NAMES))

# name: joints, and the set that they are a part of, "" if of none.
BUILT_IN = {
    "open24": (SMPL, ""),  # the open body's, by its file's regressor
    "smpl24": (SMPL, ""),
    "smplh52": (SMPLH, ""),
    "smplx55": (SMPLX, ""),
    "coco23": (COCO, ""),  # with the feet of COCO-WholeBody
    "coco17": (COCO[:17], "coco23"),
    "openpose25": (OPENPOSE, ""),
    "h36m25": (HUMAN36M, ""),
    "h36m17": (HUMAN36M_17, "h36m25"),
    "mpi_inf_3dhp28": (MPI_INF_3DHP, ""),
    "mpi_inf_3dhp17": (MPI_INF_3DHP_17, "mpi_inf_3dhp28"),
    "mpii16": (MPII, ""),
    "lsp14": (LSP, ""),
    "panoptic19": (PANOPTIC, ""),
    "blazepose33": (BLAZEPOSE, ""),
}
