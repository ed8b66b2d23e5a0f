# SPDX-License-Identifier: GPL-3.0-or-later
"""The point sets of a take, as its solve needs them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...body.body_data import BodyData
from ...protocol.files import file_sha256
from ...protocol.point_set import RIG, PointSet, read_point_set
from ...protocol.take import TakeInfo
from ...protocol.take_sets import (
    POINTS_FILE,
    SETS_FOLDER,
    SetChunk,
    TakeSet,
    damaged_set,
    take_sets,
)
from ..markers.attachment import Attachment, attached_body
from ..markers.attachment_file import ATTACHMENT_FILE, read_attachment
from .chunk_map import map_field, read_picked
from .track_fit import PersonRows


@dataclass(frozen=True, eq=False)
class SolvedSet:
    """A set that was localized in all of a take. files: of its rows, by the number of the take's
    chunk; attachment: to the take's body; body: whose vertices its points are; rig: the set itself
    where it is a rig; key: of its content and rows."""

    slug: str
    info: TakeSet
    files: dict[int, Path]
    attachment: Attachment
    body: BodyData
    rig: PointSet | None
    key: str


@dataclass(frozen=True, eq=False)
class SetRows:
    """A person's rows of a set."""

    person: PersonRows
    files: dict[int, Path]

    def read(self, name: str, at: np.ndarray, columns: slice) -> np.ndarray:
        """Columns of a field (take_sets.SET_FIELDS) in some [m] of the person's rows."""
        picked, rows = self.person.chosen[at], self.person.rows
        where = rows.chunk[picked], rows.row[picked]
        return read_picked(self.files.__getitem__, name, *where, columns)


def solved_sets(
    take: Path, info: TakeInfo, body: BodyData, verified: set[str]
) -> tuple[SolvedSet, ...]:
    """The sets of a take that have rows for all of its chunks, in the order of their names.

    verified: content hashes of rows that were read before and need not be again; more are added.
    UserError, naming the file and what to do, if a set is damaged.
    """
    found: list[SolvedSet] = []
    for slug, known in take_sets(take).items():
        folder = take / SETS_FOLDER / slug
        chunks = {n: known.chunk_of(chunk.sha256) for n, chunk in enumerate(info.chunks)}
        if all(chunks[n] is not None or not chunk.rows for n, chunk in enumerate(info.chunks)):
            whole = {number: chunk for number, chunk in chunks.items() if chunk is not None}
            for number, chunk in whole.items():
                _verify(folder, known, chunk, info.chunks[number].rows, verified)
            found.append(_solved_set(folder, known, whole, body))
    return tuple(found)


def _solved_set(
    folder: Path, info: TakeSet, chunks: dict[int, SetChunk], body: BodyData
) -> SolvedSet:
    attachment = read_attachment(folder, body)
    if len(attachment.index) != info.count:
        raise damaged_set(folder / ATTACHMENT_FILE, "it is of another number of points")
    digest = hashlib.sha256(info.points_sha256.encode())
    for array in (attachment.index, attachment.share, attachment.offset):
        digest.update(np.ascontiguousarray(array).tobytes())
    for chunk in chunks.values():
        digest.update(f"{chunk.of} {chunk.sha256}".encode())
    return SolvedSet(
        slug=folder.name,
        info=info,
        files={number: folder / chunk.file for number, chunk in chunks.items()},
        attachment=attachment,
        body=attached_body(body, attachment),
        rig=read_point_set(folder / POINTS_FILE) if info.kind == RIG else None,
        key=digest.hexdigest(),
    )


def _verify(folder: Path, info: TakeSet, chunk: SetChunk, rows: int, verified: set[str]) -> None:
    """See that a chunk of a set is what was written, for as many rows as the take's chunk has."""
    path = folder / chunk.file
    if chunk.sha256 not in verified:
        try:
            if file_sha256(path) != chunk.sha256:
                raise damaged_set(path, "its content is not what was written")
        except OSError as error:
            raise damaged_set(path, error) from error
        points, uncertainty = map_field(path, "points"), map_field(path, "uncertainty")
        if points.shape != (rows, info.count, 3) or uncertainty.shape != (rows, info.count):
            raise damaged_set(path, f"it has shape {points.shape}, not {(rows, info.count, 3)}")
        verified.add(chunk.sha256)
