# SPDX-License-Identifier: GPL-3.0-or-later
"""How a point set is attached to the take's body: `attachment.npz` in the set's folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ...body.array_fields import floats_of, indices_of
from ...body.body_data import BodyData
from ...body.npz_file import DAMAGED, read_npz
from ...errors import UserError
from ...protocol.files import write_whole
from ...protocol.take_sets import damaged_set
from .attachment import CORNERS, Attachment

ATTACHMENT_FILE = "attachment.npz"
WHOLE = 1e-6  # shares of a point add up to 1 within this


def write_attachment(folder: Path, attachment: Attachment) -> None:
    """Write the attachment of a set's points into its folder. OSError from the disk."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        index=np.asarray(attachment.index, dtype=np.int64),
        share=np.asarray(attachment.share, dtype=np.float64),
        offset=np.asarray(attachment.offset, dtype=np.float64),
        above=np.asarray(attachment.above, dtype=np.float64),
    )
    write_whole(folder / ATTACHMENT_FILE, buffer.getvalue())


def read_attachment(folder: Path, body: BodyData) -> Attachment:
    """The attachment to this body of the set in a folder. UserError, naming the file and what to
    do, if it is gone, damaged, or leads to points that the body lacks."""
    path = folder / ATTACHMENT_FILE
    try:
        arrays = read_npz(path, ("index", "share", "offset", "above"))
        among = body.vertex_count + body.joint_count
        index = indices_of(arrays, "index", (None, CORNERS), among)
        count = len(index)
        share = floats_of(arrays, "share", (count, CORNERS)).astype(np.float64)
        if np.abs(share.sum(axis=1) - 1).max() > WHOLE:
            raise ValueError("shares do not add up to 1")
        offset = floats_of(arrays, "offset", (count, 3)).astype(np.float64)
        above = floats_of(arrays, "above", (count,)).astype(np.float64)
    except (OSError, *DAMAGED) as error:
        raise damaged_set(path, error) from error
    return Attachment(index, share, offset, above)


def is_attached(folder: Path, body: BodyData, count: int) -> bool:
    """Whether a folder has the attachment of a set of so many points to this body."""
    try:
        return len(read_attachment(folder, body).index) == count
    except UserError:
        return False
