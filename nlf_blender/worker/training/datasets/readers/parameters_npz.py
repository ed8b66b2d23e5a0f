# SPDX-License-Identifier: GPL-3.0-or-later
"""Body parameters in the camera, in npz files as BEDLAM gives them for itself and for AGORA.

A row for each person: `imgname`, `pose_cam` [.,3J] (rotation vectors, the root's in the camera),
`shape` [.,B], `trans_cam` [.,3] to which the last column of `cam_ext` [.,4,4] is added, `cam_int`
[.,3,3], and, if the file has them, `gender`, `center` and `scale` (the box, in 200 pixels) or else
`gtkps` [.,K,2 or 3] (2D joints, of which the box is made). The number of joints J tells the body:
24 SMPL, 52 SMPL-H, 55 SMPL-X. Hands are relative to flat ones. BEDLAM's close-ups are stored a
quarter turn to the left.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from .....body.arrays import Float64Array
from .....body.model_folder import GENDERS, SHORT_GENDERS
from .....body.rotations import matrix_from_rotvec
from .....errors import UserError
from ..example import BodyTruth, PersonTruth
from ..report import Unusable
from .npz_columns import Columns, numbers, read_columns, text
from .source import Annotation, Item, ReaderOptions, Size, Source, box_around, box_of_scale, rows_of

NEEDED = ("imgname", "pose_cam", "shape", "trans_cam", "cam_int")
OTHERS = ("cam_ext", "gender", "center", "scale", "gtkps")
KINDS = {24: "smpl", 52: "smplh", 55: "smplx"}
TURNED = "closeup"  # in the path of pictures that are stored turned
FIX = "Choose an npz with imgname, pose_cam, shape, trans_cam and cam_int."


def read_bedlam(options: ReaderOptions) -> Source:
    """The people of such files. UserError if one is damaged or of another layout."""
    items: list[Item] = []
    kinds: set[str] = set()
    for path in options.annotations:
        columns = read_columns(path, NEEDED, OTHERS, FIX)
        kind = _kind(path, columns)
        kinds.add(kind)
        names = [text(columns, "imgname", row) for row in range(len(columns["imgname"]))]
        items += [
            Item(
                name,
                options.images / name,
                partial(_annotate, columns, kind, tuple(rows)),
                turned=TURNED in path.name or TURNED in (options.images / name).as_posix(),
            )
            for name, rows in rows_of(names).items()
        ]
    return Source(items, tuple(sorted(kinds)))


def gender_of(value: str) -> str:
    """The gender in full. Unusable if it is none of the bodies'."""
    gender = SHORT_GENDERS.get(value.lower(), value.lower())
    if gender not in GENDERS:
        raise Unusable("unknown gender", value)
    return gender


def _kind(path: Path, columns: Columns) -> str:
    count = columns["pose_cam"][0].size // 3 if len(columns["pose_cam"]) else 0
    if count not in KINDS:
        raise UserError(
            "Unknown body",
            f"{path}: pose_cam turns {count} joints.",
            "Choose a file of SMPL (24 joints), SMPL-H (52) or SMPL-X (55).",
        )
    return KINDS[count]


def _annotate(columns: Columns, kind: str, rows: tuple[int, ...], size: Size) -> Annotation:
    people = tuple(_person(columns, kind, row, size) for row in rows)
    return Annotation(people, numbers(columns, "cam_int", rows[0], (3, 3)))


def _person(columns: Columns, kind: str, row: int, size: Size) -> PersonTruth:
    translation = numbers(columns, "trans_cam", row, (3,))
    if "cam_ext" in columns:
        translation = translation + numbers(columns, "cam_ext", row, (4, 4))[:3, 3]
    body = BodyTruth(
        kind=kind,
        betas=numbers(columns, "shape", row).reshape(-1),
        rotations=matrix_from_rotvec(numbers(columns, "pose_cam", row).reshape(-1, 3)),
        translation=translation,
        gender=gender_of(text(columns, "gender", row)) if "gender" in columns else "neutral",
    )
    return PersonTruth(_box(columns, row, size), body=body)


def _box(columns: Columns, row: int, size: Size) -> Float64Array:
    """The box given, or the one around the 2D joints that are in the picture."""
    if "center" in columns and "scale" in columns:
        scale = float(numbers(columns, "scale", row, ()))
        return box_of_scale(numbers(columns, "center", row, (2,)), scale)
    if "gtkps" not in columns:
        raise Unusable("neither a box nor 2D joints")
    return box_around(np.asarray(columns["gtkps"][row], np.float64)[:, :2], size)
