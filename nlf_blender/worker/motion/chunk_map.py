# SPDX-License-Identifier: GPL-3.0-or-later
"""Single fields of a chunk file, mapped from the disk: a chunk's points are too many to hold.

Chunks are zip files whose members are stored as they are (protocol/rows.py), so that an array can
be mapped where it lies.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...body.npz_file import DAMAGED
from ...protocol.rows import damaged

LOCAL_HEADER = struct.Struct("<26xHH")  # the lengths of name and extra field, at its end


def map_field(path: Path, name: str) -> np.ndarray:
    """A field of a chunk file as a read-only array that lives on the disk. UserError if the file
    is damaged or has no such field."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is compressed")
        with open(path, "rb") as file:
            file.seek(member.header_offset)
            lengths = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
            file.seek(sum(lengths), 1)
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read_header(file)
            place = file.tell()
        if fortran or dtype.hasobject:
            raise ValueError(f"{name} is no plain array")
        if 0 in shape:
            return np.zeros(shape, dtype)
        return np.memmap(path, dtype, "r", place, shape)
    except (OSError, *DAMAGED) as error:
        raise damaged(path, error) from error


def read_picked(
    file_of: Callable[[int], Path],
    name: str,
    chunk: np.ndarray,
    row: np.ndarray,
    columns: np.ndarray | slice,
) -> np.ndarray:
    """Columns of a field in rows [m], at least one, of chunks [m], whose files `file_of` tells.
    UserError if one is damaged."""
    result: np.ndarray | None = None
    for index in np.unique(chunk):
        mapped = map_field(file_of(int(index)), name)
        for place in np.flatnonzero(chunk == index):
            values = mapped[row[place]][columns]
            if result is None:
                result = np.empty((len(chunk), *values.shape), values.dtype)
            result[place] = values
    assert result is not None, "no rows"
    return result
