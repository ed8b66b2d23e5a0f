# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what was localized beside the body next to the chunk of a take whose rows it has.

A set's chunk is written before take.json lists the take's, so that no chunk of a whole take lacks
it; a killed program leaves an entry of a chunk that is no part of the take, which the next one, of
the same number, replaces.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...protocol.files import file_sha256
from ...protocol.rows import ChunkInfo
from ...protocol.take_sets import (
    SETS_FOLDER,
    SetRows,
    TakeSet,
    read_take_set,
    write_set_chunk,
    write_take_set,
)
from ..nlf.localized import LocalizedPerson
from .features import write_features
from .sets import JobSets


@dataclass(frozen=True, eq=False)
class Beside:
    """What else there is of a chunk's rows. people: as localized, a row each; features: of each,
    [A,C,H,W]; None if they are not kept."""

    sets: JobSets = field(default_factory=JobSets)
    people: Sequence[LocalizedPerson] = ()
    features: Sequence[NDArray[np.float16]] | None = None

    def write(self, take: Path, index: int, chunk: ChunkInfo, listed: Collection[str]) -> None:
        """Write it, beside the take's chunk number `index`, which take.json does not list yet;
        listed: content hashes of those that it does. OSError from the disk."""
        if self.features is not None:
            write_features(take, index, self.features)
        for item in self.sets.sets:
            folder = take / SETS_FOLDER / item.slug
            info = kept_chunks(read_take_set(folder), listed)
            rows = self.sets.rows(item, self.people)
            append_set_chunk(folder, info, index, chunk.sha256, rows)


def append_set_chunk(folder: Path, info: TakeSet, index: int, of: str, rows: SetRows) -> TakeSet:
    """Write a chunk of a set and make it part of the set, whose set.json says `info` so far.
    OSError from the disk."""
    chunk = write_set_chunk(folder, index, of, rows)
    info = replace(info, chunks=(*info.chunks, chunk))
    write_take_set(folder, info)
    return info


def kept_chunks(info: TakeSet, listed: Collection[str]) -> TakeSet:
    """A set with those chunks alone that belong to chunks of these content hashes."""
    return replace(info, chunks=tuple(chunk for chunk in info.chunks if chunk.of in listed))


def sets_have(take: Path, sets: Mapping[str, TakeSet], chunk: ChunkInfo) -> bool:
    """Whether all of a take's sets have their rows of one of its chunks, undamaged."""
    for slug, info in sets.items():
        found = info.chunk_of(chunk.sha256)
        path = take / SETS_FOLDER / slug / (found.file if found else "")
        if found is None or not has_hash(path, found.sha256):
            return False
    return True


def has_hash(path: Path, sha256: str) -> bool:
    """Whether a file can be read, and its content has this hash."""
    try:
        return file_sha256(path) == sha256
    except OSError:
        return False
