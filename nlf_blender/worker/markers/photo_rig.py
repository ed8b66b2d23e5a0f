# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig of a point set, fitted to the people of a photo: footage has it in its solution."""

from __future__ import annotations

from pathlib import Path

from ...protocol.rows import Rows
from ...protocol.take_sets import read_set_chunk, read_take_set
from ..engine import Models
from .sets import JobSet


def fit_photo_rig(folder: Path, item: JobSet, rows: Rows, models: Models) -> None:
    """Fit the set's rig, if it has one, and write it into the set's folder, whose only chunk is
    there. rows: of the take (ROW_FIELDS). OSError from the disk."""
    if item.points.rig is None:
        return
    from ..rigs.fit_photo import write_photo_rig  # loads what other sets can spare

    info = read_take_set(folder)
    localized = read_set_chunk(folder, info, info.chunks[0])
    attachment = item.placed.attachment
    write_photo_rig(folder, item.points, models.body_model, attachment, rows, localized)
