# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading chosen arrays of an npz, once it is known that they fit into memory and hold no code."""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A float64 SMPL-X takes 0.25 GB. An archive may be a thousand times smaller than what comes out.
MOST_BYTES = 2 << 30
HARMLESS_BYTES = 64 << 20  # zeros may well be packed tightly
MOST_PACKED = 50  # times; body models shrink by less than 10

# What zip, its ways of packing, and numpy, which parses headers as Python, raise on damaged bytes.
DAMAGED = (
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    SyntaxError,
    MemoryError,
    OverflowError,
    RuntimeError,  # archives with a password, and others that zipfile does not know
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


def read_npz(path: Path, keys: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Those of these arrays that the archive has; the others are not looked at.

    ValueError, or another of DAMAGED, if it is no npz, is cut off, declares arrays of a size beyond
    reason, or one of these arrays is a pickle; OSError if it cannot be read.
    """
    with open(path, "rb") as file:
        # numpy would take it for a pickle, and advise to load it as one
        if not zipfile.is_zipfile(file):
            raise ValueError("it is not an npz archive, or it is cut off")
        with zipfile.ZipFile(file) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            wanted = {key: entries[f"{key}.npy"] for key in keys if f"{key}.npy" in entries}
            _check_sizes(wanted)
            return {key: _array(archive, key, entry) for key, entry in wanted.items()}


def npz_keys(path: Path) -> tuple[str, ...]:
    """The names of an npz's arrays; errors as of `read_npz`."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return tuple(name.removesuffix(".npy") for name in names if name.endswith(".npy"))


def _check_sizes(entries: dict[str, zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries.values())
    if total > MOST_BYTES:
        raise ValueError(f"its arrays would take {total / 2**30:.1f} GB, more than any body's")
    for key, entry in entries.items():
        packed = entry.file_size > MOST_PACKED * max(entry.compress_size, 1)
        if packed and entry.file_size > HARMLESS_BYTES:
            raise ValueError(f"{key} would unpack to {entry.file_size >> 20} MB, as in a zip bomb")


def _array(archive: zipfile.ZipFile, key: str, entry: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read_header = np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError(f"{key} is a pickle, not an array of numbers")
    # numpy asks for all the memory before it reads
    if math.prod(shape) * dtype.itemsize > entry.file_size:
        raise ValueError(f"{key} is cut off")
    with archive.open(entry) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
