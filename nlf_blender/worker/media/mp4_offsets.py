# SPDX-License-Identifier: GPL-3.0-or-later
"""How much later than it is decoded each frame of an MP4 or MOV file is shown.

The file's header says so (the box `ctts`, ISO/IEC 14496-12, 8.6.1.3). libavformat tells it only
along with the frames themselves, for which it reads the whole file: minutes for a long take.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

LARGEST_HEADER = 256 << 20
TO_THE_SAMPLES = (b"mdia", b"minf", b"stbl")


def composition_offsets(path: Path, track: int, frames: int) -> NDArray[np.int64] | None:
    """The offsets [frames] of a track, in its time base and in decoding order; zeros if it has
    none; None if this is no such file or not all of its frames are in the header."""
    with open(path, "rb") as file:
        header = _header(file)
    if header is None:
        return None
    try:
        samples = _samples(header, track)
        return None if samples is None else _offsets(samples, frames)
    except (struct.error, ValueError):
        return None


def _header(file: BinaryIO) -> bytes | None:
    """The content of the file's moov box."""
    place = 0
    while len(start := _read_at(file, place, 16)) >= 8:
        size, kind = struct.unpack(">I4s", start[:8])
        begin = 8
        if size == 1 and len(start) == 16:  # its size does not fit into 32 bits
            size, begin = struct.unpack(">Q", start[8:])[0], 16
        if kind == b"moov" and size <= LARGEST_HEADER:
            return _read_at(file, place + begin, size - begin)
        if size < begin:
            return None
        place += size
    return None


def _read_at(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each box within a box."""
    place = 0
    while place + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        if size < 8:
            return
        yield kind, data[place + 8 : place + size]
        place += size


def _samples(header: bytes, track: int) -> dict[bytes, bytes] | None:
    """The boxes that describe the frames of the track with this number."""
    for kind, box in _boxes(header):
        inside = dict(_boxes(box)) if kind == b"trak" else {}
        description = inside.get(b"tkhd", b"")
        if not description:
            continue
        (number,) = struct.unpack_from(">I", description, 20 if description[0] == 1 else 12)
        if number == track:
            for name in TO_THE_SAMPLES:
                inside = dict(_boxes(inside.get(name, b"")))
            return inside
    return None


def _offsets(samples: dict[bytes, bytes], frames: int) -> NDArray[np.int64] | None:
    box = samples.get(b"ctts")
    if box is None:
        return np.zeros(frames, np.int64)
    (count,) = struct.unpack_from(">I", box, 4)
    runs = np.frombuffer(box, dtype=">i4", count=2 * count, offset=8).reshape(-1, 2)
    if int(runs[:, 0].sum()) != frames:
        return None
    return np.repeat(runs[:, 1].astype(np.int64), runs[:, 0])
