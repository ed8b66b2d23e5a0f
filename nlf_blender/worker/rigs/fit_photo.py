# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses of a rig in photos: each row of a set is a person with a shape and a size of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...protocol.motion_files import write_rig
from ...protocol.point_set import PointSet
from ...protocol.take_sets import RIG_FILE
from ..markers.attachment import Attachment
from ..smpl.body_model import BodyModel
from .fit_rig import fit_rig_motion
from .personal_rest import PersonalRests


def write_photo_rig(
    folder: Path,
    points: PointSet,
    body: BodyModel,
    attachment: Attachment,
    rows: Mapping[str, NDArray[Any]],
    localized: Mapping[str, NDArray[Any]],
) -> None:
    """Fit the rig of a set to every row of a take of photos and write it to the set's folder.

    rows: the take's (ROW_FIELDS), of R people; localized: the set's (SET_FIELDS), aligned to them.
    Nothing is written without a row. OSError from the disk.
    """
    if not len(rows["frame"]):
        return
    rests = PersonalRests(points, body, attachment)
    found: list[Mapping[str, NDArray[Any]]] = []
    for row in range(len(rows["frame"])):
        part = slice(row, row + 1)
        fit = fit_rig_motion(
            points,
            rests.of(rows["betas"][row]),
            localized["points"][part],
            localized["uncertainty"][part],
            device=str(body.v_template.device),
        )
        found.append(fit.arrays(rows["frame"][part], rows["timestamp"][part]))
    write_rig(
        folder / RIG_FILE,
        {name: np.concatenate([one[name] for one in found]) for name in found[0]},
    )
