# SPDX-License-Identifier: GPL-3.0-or-later
"""What is under way in this Blender: the session, an installation, a check, what to tell the user.

It is no property of Blender's: files, undo and scenes come and go while a job runs.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..bridge import install
from ..bridge.environment_check import EnvironmentCheck
from ..bridge.job import Job
from ..bridge.processes import tail
from ..bridge.session import Session
from ..bridge.task import LOCALIZE, Task
from ..errors import UserError
from . import places
from .file_work import FileWork
from .redraw import tag_redraw

FILES = "files"  # where an error about model and body files is shown: the preferences


@dataclass(frozen=True)
class Problem:
    """An error as a panel shows it. command: the kind of job that it is about, whose panel shows
    it, or FILES; log: what to open for more, if there is more."""

    error: UserError
    command: str = LOCALIZE
    log: Path | None = None

    @property
    def of_preferences(self) -> bool:
        """Whether the preferences are where it is mended."""
        return "preferences" in self.error.fix


class Runtime:
    """The one place for state that is not the .blend file's."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.installation: install.Installation | None = None
        self.check: EnvironmentCheck | None = None
        self.files = FileWork()
        self.problem: Problem | None = None
        self.notes: list[str] = []
        self.to_import: list[Path] = []  # results of the last job, not in the scene yet
        self.scene_uid: int | None = None  # of the scene that gets them; None: it is gone
        self._ended: Job | None = None  # the last job whose end was dealt with

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
        session_busy = self.session is not None and self.session.busy
        own = session_busy or self.installing or self.checking or bool(self.to_import)
        return own or self.files.busy

    @property
    def worker_alive(self) -> bool:
        """Whether a worker holds memory."""
        return self.session is not None and self.session.alive

    def start(self, python: Path, task: Task, scene: bpy.types.Scene) -> None:
        """Begin a job whose results go into `scene`. UserError if it cannot begin."""
        if self.session is None:
            self.session = Session(places.sessions_folder())
        self.session.start(python, task)
        self.problem, self.notes, self.scene_uid = None, [], scene.session_uid

    def cancel(self) -> None:
        """Cancel the job, or the import that waits."""
        self.to_import = []
        if self.session is not None:
            self.session.cancel()

    def tick(self) -> None:
        """Move all on by a bounded amount of work."""
        if self.session is not None:
            self.session.tick()
            self._note_end_of_job(self.session)
        if self.installation is not None and self.installing:
            self.installation.tick()
            if self.installation.error is not None:
                self.problem = Problem(self.installation.error, log=self.installation.log)
        if self.check is not None:
            self.check.tick()
        self.files.tick()

    def _note_end_of_job(self, session: Session) -> None:
        job = session.job
        if job is None or job.active or job is self._ended:
            return
        self._ended = job
        if job.error is not None:
            self.problem = Problem(job.error, job.task.command, session.log)
        self.notes += [str(problem) for problem in job.problems]
        self.to_import = list(job.results)

    def forget_scene(self) -> None:
        """Another file is opened: the results of a job under way stay on disk, and what was said
        of the jobs before is not about the new file."""
        self.scene_uid, self.notes = None, []
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
        if self.problem is None:
            return ""
        log = tail(self.problem.log, 60) if self.problem.log else ""
        build = b" ".join((bpy.app.build_branch, bpy.app.build_hash)).decode(errors="replace")
        return f"{self.problem.error}\n\nBlender {build}\n{log}".rstrip()

    def close(self) -> None:
        """End every program that was started. Waits two seconds at most."""
        if self.installation is not None:
            self.installation.cancel()
        self.forget_check()
        self.files.close()
        if self.session is not None:
            self.session.close()
        self.session = self.installation = self.problem = None
        self.notes, self.to_import, self.scene_uid = [], [], None


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
