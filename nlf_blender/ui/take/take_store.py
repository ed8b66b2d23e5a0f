# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panels show of takes: their small files, each read once and again when it changes.

Panels are drawn many times a second: a draw asks the disk only whether a file is still the one that
was read. What cannot be read is remembered as well, so that a damaged file costs no more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ...errors import UserError
from ...protocol.edits import EDITS_FILE, Edit, read_edits
from ...protocol.solution import SOLUTION_FILE, SOLUTION_FOLDER, SolutionInfo, read_solution
from ...protocol.take import TAKE_FILE, TakeInfo, read_info
from ...protocol.take_sets import SET_FILE, SETS_FOLDER, TakeSet, read_take_set

Content = TypeVar("Content")
Stamp = tuple[int, int] | None  # time of change in nanoseconds and size; None: no such file


@dataclass(frozen=True)
class _Read:
    stamp: Stamp
    content: object
    error: UserError | None


class TakeStore:
    """The files of the takes that were looked at last."""

    MOST_FILES = 64  # three a take, and one a point set

    def __init__(self) -> None:
        self._files: OrderedDict[Path, _Read] = OrderedDict()

    def info(self, take: Path) -> TakeInfo:
        """take.json of a take. UserError if it is missing or damaged."""
        return self._get(take / TAKE_FILE, lambda: read_info(take))

    def solution(self, take: Path) -> SolutionInfo:
        """solution.json of a take. UserError if it is missing or damaged."""
        path = take / SOLUTION_FOLDER / SOLUTION_FILE
        return self._get(path, lambda: read_solution(take))

    def edits(self, take: Path) -> tuple[Edit, ...]:
        """edits.json of a take, none if there is no such file. UserError if it is damaged."""
        return self._get(take / EDITS_FILE, lambda: read_edits(take))

    def sets(self, take: Path) -> dict[str, TakeSet]:
        """set.json of all point sets of a take by the names of their folders. UserError if one is
        damaged."""
        paths = sorted((take / SETS_FOLDER).glob(f"*/{SET_FILE}"))
        return {p.parent.name: self._get(p, lambda p=p: read_take_set(p.parent)) for p in paths}

    def clear(self) -> None:
        """Forget all."""
        self._files.clear()

    def _get(self, path: Path, read: Callable[[], Content]) -> Content:
        stamp = _stamp(path)
        known = self._files.get(path)
        if known is None or known.stamp != stamp:
            known = _read(stamp, read)
            self._files[path] = known
        self._files.move_to_end(path)
        while len(self._files) > self.MOST_FILES:
            self._files.popitem(last=False)
        if known.error is not None:
            raise known.error.with_traceback(None)
        return known.content  # type: ignore[return-value]  # what this `read` returned


def _read(stamp: Stamp, read: Callable[[], object]) -> _Read:
    try:
        return _Read(stamp, read(), None)
    except UserError as error:
        return _Read(stamp, None, error)


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


STORE = TakeStore()


def unregister() -> None:
    """Forget all takes."""
    STORE.clear()
