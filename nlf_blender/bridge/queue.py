# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that wait in line. One runs at a time; the next one starts when the one before is over and
what came of it has been dealt with. One that fails does not stop the others."""

from __future__ import annotations

import enum
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import UserError
from .job import Job, State
from .session import Session
from .task import BOXES, SOLVE, Task

Target = TypeVar("Target")  # what the caller keeps of an entry: where its results go


class Stand(enum.Enum):
    """Where an entry is. The first three will change; the others are final."""

    WAITING = "waiting"
    RUNNING = "running"
    TO_IMPORT = "to import"  # the job is done, its results are not in the scene yet
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(eq=False)
class Entry(Generic[Target]):
    """A job in line. preparing: makes the job's input, a bounded piece at a step, and may raise
    UserError; None once that is done. job: once it was started; error: why it gave no result, or
    why its result is not in the scene."""

    python: Path
    task: Task
    target: Target
    preparing: Iterator[None] | None = None
    stand: Stand = Stand.WAITING
    job: Job | None = None
    error: UserError | None = None
    log: Path | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.stand in (Stand.DONE, Stand.FAILED, Stand.CANCELLED)

    @property
    def active(self) -> bool:
        """Whether it waits, is under way or is still to be imported."""
        return not self.over

    @property
    def ready(self) -> bool:
        """Whether its job can be started."""
        return self.stand is Stand.WAITING and self.preparing is None

    def prepare(self) -> None:
        """Make another piece of its input."""
        if self.preparing is None or self.over:
            return
        try:
            next(self.preparing)
        except StopIteration:
            self.preparing = None
        except UserError as error:
            self.end(Stand.FAILED, error)

    def end(self, stand: Stand, error: UserError | None = None) -> None:
        """End it. The input of a job that was never started goes."""
        self.stand, self.preparing = stand, None
        self.error = error or self.error
        if self.job is None and self.task.scratch is not None:
            shutil.rmtree(self.task.scratch, ignore_errors=True)


@dataclass
class JobQueue(Generic[Target]):
    """Entries in the order in which they run; those that are over stay until `clear`. held: nothing
    new is started."""

    entries: list[Entry[Target]] = field(default_factory=list[Entry[Target]])
    held: bool = False

    @property
    def current(self) -> Entry[Target] | None:
        """The entry whose job runs, or whose results wait to be imported."""
        at_work = (Stand.RUNNING, Stand.TO_IMPORT)
        return next((entry for entry in self.entries if entry.stand in at_work), None)

    @property
    def waiting(self) -> list[Entry[Target]]:
        """The entries that are still to be started, in order."""
        return [entry for entry in self.entries if entry.stand is Stand.WAITING]

    @property
    def busy(self) -> bool:
        """Whether something is under way or will be without anybody's doing."""
        preparing = any(entry.preparing is not None for entry in self.waiting)
        return self.current is not None or preparing or (bool(self.waiting) and not self.held)

    def add(self, entry: Entry[Target], *, first: bool = False) -> None:
        """Put an entry at the end of the line, or at its front. One that waits to solve the same
        take goes, if this one solves it: the newer settings count. A box stays behind it: solved
        later, its older edits would take back what the box's job adds to them."""
        same = self._waiting_solves(entry)
        if entry.task.command == SOLVE:
            for other in same:
                self.remove(other)
        place = len(self.entries)
        if first and entry.task.command == BOXES and same:
            place = self.entries.index(same[-1]) + 1
        elif first and self.waiting:
            place = self.entries.index(self.waiting[0])
        self.entries.insert(place, entry)

    def is_outdated(self, entry: Entry[Target]) -> bool:
        """Whether an entry at work solves a take that one in line will solve again."""
        return entry.task.command == SOLVE and bool(self._waiting_solves(entry))

    def _waiting_solves(self, entry: Entry[Target]) -> list[Entry[Target]]:
        """The entries in line that solve an entry's take."""
        solves = (other for other in self.waiting if other.task.command == SOLVE)
        return [other for other in solves if other.task.take == entry.task.take]

    def remove(self, entry: Entry[Target]) -> None:
        """Take an entry out of the list. Its job must not be under way."""
        if entry.stand is Stand.WAITING:
            entry.end(Stand.CANCELLED)
        self.entries.remove(entry)

    def move(self, entry: Entry[Target], steps: int) -> None:
        """Let a waiting entry run this many places later, or earlier if negative."""
        waiting = self.waiting
        place = waiting.index(entry) + steps
        if 0 <= place < len(waiting):
            other = self.entries.index(waiting[place])
            self.entries.remove(entry)
            self.entries.insert(other, entry)

    def cancel_waiting(self) -> None:
        """Take all out that wait."""
        for entry in self.waiting:
            self.remove(entry)

    def clear(self) -> None:
        """Forget those that are over."""
        self.entries = [entry for entry in self.entries if not entry.over]

    def tick(self, session: Session) -> Entry[Target] | None:
        """Follow the running job, make a piece of input, start the next job. Returns the entry
        whose job ended at this tick, if one did."""
        ended = self._follow(session)
        unprepared = next((e for e in self.waiting if e.preparing is not None), None)
        if unprepared is not None:
            unprepared.prepare()
            return ended or (unprepared if unprepared.over else None)
        if self.current is None and not self.held:
            return ended or self._start_next(session)
        return ended

    def _follow(self, session: Session) -> Entry[Target] | None:
        entry = self.current
        if entry is None or entry.stand is not Stand.RUNNING:
            return None
        if entry.job is None or entry.job.active:
            return None
        entry.log = session.log
        if entry.job.state is State.DONE:
            entry.stand = Stand.TO_IMPORT
        else:
            failed = entry.job.state is State.FAILED
            entry.end(Stand.FAILED if failed else Stand.CANCELLED, entry.job.error)
        return entry

    def _start_next(self, session: Session) -> Entry[Target] | None:
        entry = next((entry for entry in self.waiting if entry.ready), None)
        if entry is None:
            return None
        try:
            entry.job = session.start(entry.python, entry.task)
            entry.stand = Stand.RUNNING
        except UserError as error:
            entry.end(Stand.FAILED, error)
            return entry
        return None
