# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of footage whose job was stopped: found in the takes folder, also after a restart."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from ...errors import UserError
from ...protocol.left_to_do import lacks_something
from ...protocol.solution import SOLUTION_FILE, SOLUTION_FOLDER
from ...protocol.take import SUFFIX, TAKE_FILE, TakeInfo, read_info
from ...protocol.take_sets import SETS_FOLDER
from ...scene.source.source_files import same_source
from .runtime import RUNTIME

SECONDS_BETWEEN_LOOKS = 3.0
MOST_FOLDERS = 500  # in the takes folder; those changed last count
# When a take's take.json, solution.json and folder of point sets were written, 0 if it has none
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Unfinished:
    """A take that can be resumed. done, total: frames; source: where its source was."""

    folder: Path
    done: int
    total: int
    source: Path


class UnfinishedTakes:
    """The takes of one folder whose job did not come to its end. The disk is asked now and then,
    not at every drawing, and a take is read again only when it has changed."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._looked = 0.0
        self._read: dict[Path, tuple[Stamp, Unfinished | None]] = {}
        self._found: list[Unfinished] = []

    def of(self, folder: Path) -> list[Unfinished]:
        """Those in this folder that no job of this Blender is at work on."""
        now = time.monotonic()
        if folder != self._folder or now - self._looked > SECONDS_BETWEEN_LOOKS:
            self._folder, self._looked = folder, now
            self._look(folder)
        return [item for item in self._found if not at_work(item.folder, item.source)]

    def look_again(self) -> None:
        """Ask the disk at the next drawing: something was deleted or resumed."""
        self._looked = -SECONDS_BETWEEN_LOOKS

    def _look(self, folder: Path) -> None:
        latest = sorted(_stamps(folder), key=lambda item: item[1], reverse=True)
        stamps = dict(latest[:MOST_FOLDERS])
        read = {}
        for path, stamp in stamps.items():
            known = self._read.get(path)
            read[path] = known if known and known[0] == stamp else (stamp, _unfinished(path))
        self._read = read
        self._found = [item for _, item in read.values() if item is not None]


def _stamps(folder: Path) -> list[tuple[Path, Stamp]]:
    """The takes in a folder, with when they were written."""
    found: list[tuple[Path, Stamp]] = []
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(SUFFIX)]
    except OSError:
        return []  # it is not there yet
    for name in names:
        take = folder / name
        written = _written(take / TAKE_FILE)
        if written:  # else no take, or one that is just being written
            solved = _written(take / SOLUTION_FOLDER / SOLUTION_FILE)
            found.append((take, (written, solved, _written(take / SETS_FOLDER))))
    return found


def _written(path: Path) -> int:
    """When a file or a folder was written, 0 if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _unfinished(folder: Path) -> Unfinished | None:
    try:
        info = read_info(folder)
    except UserError:
        return None  # Import Take says what is wrong with it
    if not lacks_something(folder, info):
        return None
    return Unfinished(folder, _frames(info), info.source.frame_count, Path(info.source.path))


def _frames(info: TakeInfo) -> int:
    return sum(chunk.frames for chunk in info.chunks)


def at_work(folder: Path, source: Path) -> bool:
    """Whether a job of this Blender works on a take, or will. source: the take's."""
    for entry in RUNTIME.queue.entries:
        task = entry.task
        if entry.over or not task.is_footage:
            continue
        if task.take == folder:
            return True
        sources = [Path(path) for path in task.fields.get("sources", ())]
        if task.out == folder.parent and any(same_source(path, source) for path in sources):
            return True
    return False


TAKES = UnfinishedTakes()
