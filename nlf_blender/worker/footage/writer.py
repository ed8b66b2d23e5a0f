# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits bodies to the people of a chunk and writes it to the disk, beside the localizing of the
next one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from ...protocol.files import write_whole
from ...protocol.rows import Rows, write_chunk
from ...protocol.take import TakeInfo, write_info
from ..markers.set_rows import Beside
from ..progress import Progress
from ..take_writer import disk_errors
from .preview import Preview

THUMBNAILS = "thumbs"


@dataclass(frozen=True, eq=False)
class Chunk:
    """A chunk to be written: its rows, what gives those that a fit tells, a JPEG for each new
    tracklet, and what was localized beside the body."""

    rows: Rows
    fit: Callable[[], Rows]
    thumbnails: Mapping[int, bytes]
    beside: Beside = field(default_factory=Beside)


def add_chunk(
    take: Path, info: TakeInfo, rows: Rows, thumbnails: Mapping[int, bytes], beside: Beside
) -> TakeInfo:
    """Write a chunk, what was localized beside the body, and a JPEG for each new tracklet, and make
    them part of the take. Returns what take.json says now. OSError from the disk."""
    for tracklet, data in thumbnails.items():
        (take / THUMBNAILS).mkdir(exist_ok=True)
        write_whole(take / THUMBNAILS / f"{tracklet:05d}.jpg", data)
    index, listed = len(info.chunks), {chunk.sha256 for chunk in info.chunks}
    chunk = write_chunk(take, index, rows)
    beside.write(take, index, chunk, listed)
    info = replace(info, chunks=(*info.chunks, chunk))
    write_info(take, info)
    return info


class ChunkWriter:
    """A thread that makes chunks part of a take, one at a time and in order; a context manager.

    Bodies are fitted there, for nothing that follows depends on them. Whatever happens, take.json
    lists whole chunks only. A failure is raised by the next call.
    """

    def __init__(self, take: Path, info: TakeInfo, preview: Preview, progress: Progress) -> None:
        self._take = take
        self._info = info
        self._preview = preview
        self._progress = progress
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._pending: Future[None] | None = None

    def write(self, chunk: Chunk, notes: tuple[str, ...] = ()) -> None:
        """Begin to fit and write a chunk once the chunk before is written; notes: all that the user
        should know by now. UserError if the disk refused the one before."""
        self._wait()
        self._info = replace(self._info, notes=notes or self._info.notes)
        self._pending = self._thread.submit(self._write, chunk)

    def finish(self) -> TakeInfo:
        """Wait for the last chunk and return what take.json says now. UserError as `write`."""
        self._wait()
        return self._info

    def _wait(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def _write(self, chunk: Chunk) -> None:
        rows = {**chunk.rows, **chunk.fit()}
        with disk_errors(self._take, "resume the job"):
            self._info = add_chunk(self._take, self._info, rows, chunk.thumbnails, chunk.beside)
            self._preview.add(rows)
            if self._preview.renew():
                done = sum(written.frames for written in self._info.chunks)
                self._progress.preview(self._take, done)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the chunk at work be written, also when the job is cancelled."""
        self._thread.shutdown(wait=True)
