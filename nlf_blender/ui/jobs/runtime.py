# SPDX-License-Identifier: GPL-3.0-or-later
"""What is under way in this Blender: the session, an installation, a check, what to tell the user.

It is no property of Blender's: files, undo and scenes come and go while a job runs.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from ...bridge import install
from ...bridge.environment_check import EnvironmentCheck
from ...bridge.job import Job
from ...bridge.queue import Entry, JobQueue, Stand
from ...bridge.session import Session
from ...bridge.task import LOCALIZE, Task
from ...errors import UserError
from ...scene import FootageOptions
from .. import places
from ..destination import Destination, Finish, Waiting
from ..markers.canonical_work import CanonicalWork
from ..markers.exchange_work import ExchangeWork
from ..redraw import tag_redraw
from ..setup.file_work import FileWork
from .problem import FILES, Problem


class Runtime:
    """The one place for state that is not the .blend file's."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.installation: install.Installation | None = None
        self.check: EnvironmentCheck | None = None
        self.files = FileWork()
        self.exchange = ExchangeWork()
        self.canonical = CanonicalWork()
        self.problem: Problem | None = None
        self.notes: list[str] = []
        self.queue: JobQueue[Destination] = JobQueue()

    @property
    def job(self) -> Job | None:
        """The last job, under way or ended."""
        return self.session.job if self.session else None

    @property
    def command(self) -> str:
        """The kind of the last job."""
        return self.job.task.command if self.job else LOCALIZE

    @property
    def job_active(self) -> bool:
        """Whether a job is under way."""
        return self.job is not None and self.job.active

    @property
    def to_import(self) -> Waiting | None:
        """What is done and not in the scene yet."""
        entry = self.queue.current
        return entry if entry is not None and entry.stand is Stand.TO_IMPORT else None

    @property
    def scene_uid(self) -> int | None:
        """Of the scene that gets the results of the job at work; None: there is none."""
        entry = self.queue.current
        return entry.target.scene_uid if entry is not None else None

    @property
    def footage_options(self) -> FootageOptions:
        """How the footage of the job at work comes in."""
        entry = self.queue.current
        return entry.target.footage_options() if entry is not None else FootageOptions()

    @property
    def installing(self) -> bool:
        """Whether an environment is being made."""
        return self.installation is not None and (self.installation.state is install.State.RUNNING)

    @property
    def checking(self) -> bool:
        """Whether an environment is being checked."""
        return self.check is not None and self.check.running

    @property
    def busy(self) -> bool:
        """Whether something is under way that the pump has to move on quickly."""
        session = self.session is not None and self.session.busy
        own = (self.files.busy, self.exchange.busy, self.canonical.busy)
        return any((session, self.installing, self.checking, self.queue.busy, *own))

    @property
    def worker_alive(self) -> bool:
        """Whether a worker holds memory."""
        return self.session is not None and self.session.alive

    def submit(
        self,
        python: Path,
        task: Task,
        scene: bpy.types.Scene,
        *,
        preparing: Iterator[None] | None = None,
        footage: FootageOptions | None = None,
        finish: Finish | None = None,
        first: bool = False,
    ) -> Waiting:
        """Put a job in line, whose results go into `scene`; it begins at once if nothing else is
        under way. first: before those that wait. UserError if it cannot begin."""
        if self.session is None:
            self.session = Session(places.sessions_folder())
        if not self.queue.busy:
            self.queue.clear()
            self.problem, self.notes = None, []
        destination = Destination.of(scene, footage or FootageOptions(), finish)
        entry = Entry(python, task, destination, preparing)
        self.queue.add(entry, first=first)
        self.queue.tick(self.session)
        if entry.error is not None:
            self.queue.remove(entry)
            raise entry.error
        return entry

    def cancel(self) -> None:
        """Cancel the job, or the import that waits, or what is being prepared."""
        entry = self.to_import
        if entry is not None:
            entry.end(Stand.CANCELLED)
        elif self.queue.current is None and self.queue.waiting:
            self.queue.remove(self.queue.waiting[0])
        elif self.session is not None:
            self.session.cancel()

    def cancel_all(self) -> None:
        """Cancel what is under way and what waits."""
        self.queue.cancel_waiting()
        self.cancel()

    def pause(self) -> None:
        """Let the job hold still, or else the line."""
        if self.session is not None and self.job_active:
            self.session.pause()
        else:
            self.queue.held = True

    def go_on(self) -> None:
        """Let job and line go on."""
        self.queue.held = False
        if self.session is not None:
            self.session.go_on()

    def free_memory(self) -> None:
        """End the worker. Its job is cancelled, and those in line wait to be told to go on."""
        self.queue.held = bool(self.queue.waiting)
        if self.session is not None:
            self.session.free()

    def tick(self) -> None:
        """Move all on by a bounded amount of work."""
        if self.session is not None:
            self.session.tick()
            self._note_end(self.queue.tick(self.session))
        if self.installation is not None and self.installing:
            self.installation.tick()
            if self.installation.error is not None:
                self.problem = Problem(self.installation.error, log=self.installation.log)
        if self.check is not None:
            self.check.tick()
        self.files.tick()
        self.exchange.tick()
        self.canonical.tick()

    def _note_end(self, entry: Waiting | None) -> None:
        if entry is None:
            return
        if entry.error is not None:
            self.problem = Problem(entry.error, entry.task.command, entry.log)
        if entry.job is not None:
            self.notes += [str(problem) for problem in entry.job.problems]

    def forget_scene(self) -> None:
        """Another file is opened: the results of jobs under way stay on disk, and what was said
        of the jobs before is not about the new file."""
        for entry in self.queue.entries:
            entry.target.scene_uid = None
        self.notes = []
        if self.problem is not None and self.problem.command != FILES:
            self.problem = None

    def fail(self, error: UserError, command: str = LOCALIZE) -> None:
        """Show an error in the panel of this kind of job."""
        self.problem = Problem(error, command)

    def preferences_changed(self) -> None:
        """An error that sends the user there need not hold any more."""
        if self.problem is not None and self.problem.of_preferences:
            self.problem = None

    def forget_check(self) -> None:
        """Another interpreter was chosen: what was said of the one before does not hold."""
        if self.check is not None:
            self.check.cancel()
        self.check = None

    def details(self) -> str:
        """The problem in full, with the end of its log."""
        return self.problem.details() if self.problem is not None else ""

    def close(self) -> None:
        """End every program that was started. Waits two seconds at most."""
        if self.installation is not None:
            self.installation.cancel()
        self.forget_check()
        self.files.close()
        self.exchange.cancel()
        self.canonical.cancel()
        self.queue.cancel_waiting()
        if self.session is not None:
            self.session.close()
        self.session = self.installation = self.problem = None
        self.notes, self.queue = [], JobQueue()


RUNTIME = Runtime()


@contextmanager
def errors_reported(operator: bpy.types.Operator, command: str = LOCALIZE) -> Iterator[None]:
    """Show a UserError of the block in the panel of this kind of job, and report it as the
    operator's."""
    try:
        yield
    except UserError as error:
        RUNTIME.fail(error, command)
        tag_redraw()
        operator.report({"ERROR"}, str(error))


def register() -> None:
    """See to it that nothing outlives Blender."""
    atexit.register(RUNTIME.close)


def unregister() -> None:
    """End everything now."""
    atexit.unregister(RUNTIME.close)
    RUNTIME.close()
