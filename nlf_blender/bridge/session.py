# SPDX-License-Identifier: GPL-3.0-or-later
"""One worker kept warm across jobs: started when needed, restarted after a crash, freed on wish."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import UserError
from ..protocol.json_fields import Json
from ..protocol.messages import PROTOCOL_VERSION
from .failures import died, not_understood
from .job import Job, State
from .leftovers import Leftovers, prune_sessions
from .stage_times import Estimate, StageTimes
from .task import Task
from .watchdog import Bounds, Watchdog
from .worker_process import WorkerProcess, stop_all

WORKER_SCRIPT = Path(__file__).resolve().parent.parent / "worker" / "__main__.py"


class Session:
    """Blender's worker. `tick` moves all on, never waits, and is called about ten times a second
    while `busy`, less often while only `alive`."""

    def __init__(
        self,
        root: Path,
        script: Path = WORKER_SCRIPT,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`root`: a folder for logs and events; it is made when the first job starts."""
        self.job: Job | None = None
        self.log: Path | None = None
        self._root = root
        self._script = script
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._times = StageTimes()
        self._worker: WorkerProcess | None = None
        self._watchdog = Watchdog(self._bounds, clock())
        self._retired: list[WorkerProcess] = []
        self._held: Job | None = None  # what the worker works on, until it says that it ended
        self._cancel_by: float | None = None  # until when it must have given up a cancelled job
        self._leftovers = Leftovers()
        self._warm: set[str] = set()  # what the worker has loaded the models for (Task.models)
        self._jobs_started = 0

    @property
    def busy(self) -> bool:
        """Whether something is under way that wants ticks."""
        active = self.job is not None and self.job.active
        return active or self._held is not None or bool(self._retired) or self._leftovers.waiting

    @property
    def alive(self) -> bool:
        """Whether a worker holds memory now."""
        return self._worker is not None or bool(self._retired)

    def is_warm(self, models: str) -> bool:
        """Whether the next job that needs these (Task.models) finds them loaded."""
        return self._worker is not None and models in self._warm

    def start(self, python: Path, task: Task) -> Job:
        """Begin a job and return it. UserError if one is under way or the worker cannot start."""
        if self.job is not None and self.job.active:
            raise UserError(
                "Already at work", "One job runs at a time.", "Wait for it, or cancel it."
            )
        if self._worker is not None and (self._worker.python != python or not self._worker.alive):
            self.free()
        if self._worker is None:
            self._start_worker(python)
        self._jobs_started += 1
        expected = self._times.expected(task, warm=self.is_warm(task.models))
        self.job = Job(f"job-{self._jobs_started}", task, Estimate(expected, self._clock()))
        self._leftovers.add_input(self.job)
        self._watchdog.new_job()
        self._submit()
        return self.job

    def cancel(self) -> None:
        """Cancel the job: at once for the user; the worker is killed if it does not follow."""
        job = self.job
        if job is None or not job.active:
            return
        job.cancel()
        if self._worker is not None and self._held is job:
            self._worker.send("cancel", job=job.name)
            self._cancel_by = self._clock() + self._bounds.cancel

    def pause(self) -> None:
        """Let the job hold still at its next step. The worker keeps its memory."""
        job = self.job
        if job is not None and job.active and not job.paused:
            job.pause(self._clock())
            self._tell("pause", job)

    def go_on(self) -> None:
        """Let the paused job go on."""
        job = self.job
        if job is not None and job.paused:
            job.go_on(self._clock())
            self._watchdog.new_job()
            self._tell("go_on", job)

    def _tell(self, kind: str, job: Job) -> None:
        if self._worker is not None and self._held is job:
            self._worker.send(kind, job=job.name)

    def free(self) -> None:
        """End the worker, and with it the memory that it holds. A running job is cancelled."""
        if self.job is not None:
            self.job.cancel()
        if self._worker is not None:
            self._worker.stop()
            self._retire()

    def tick(self) -> None:
        """Read what is new and act on it."""
        now = self._clock()
        if self._worker is not None:
            self._follow(self._worker, now)
        for worker in self._retired:
            worker.poll()
        self._retired = [worker for worker in self._retired if worker.alive]
        self._leftovers.remove(self._held)
        if self.job is not None:
            self.job.tick(now)

    def close(self, seconds: float = 2.0) -> None:
        """End everything and wait for it, `seconds` at most: for unregister and exit."""
        self.free()
        stop_all(self._retired, seconds)
        self._retired = [worker for worker in self._retired if worker.alive]
        self._leftovers.remove(self._held)

    def _start_worker(self, python: Path) -> None:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            stamp = time.strftime("%Y%m%d-%H%M%S-")
            folder = Path(tempfile.mkdtemp(prefix=stamp, dir=self._root))
        except OSError as error:
            raise UserError(
                "Folder not writable",
                f"{self._root} cannot be written to: {error.strerror}.",
                "Make room on that disk, or give yourself the right to write there.",
            ) from error
        prune_sessions(self._root)
        self._worker = WorkerProcess(python, self._script, folder, self._clock)
        self.log = self._worker.log
        self._watchdog = Watchdog(self._bounds, self._clock())
        self._warm = set()

    def _submit(self) -> None:
        """Hand the job to the worker, once it is rid of the one that was cancelled before."""
        if self._worker is None or self._held is not None:
            return
        if self.job is not None and self.job.active:
            self._worker.send(self.job.task.command, **self.job.command())
            self._held = self.job
            if self.job.paused:
                self._tell("pause", self.job)

    def _follow(self, worker: WorkerProcess, now: float) -> None:
        was_alive = worker.alive  # asked first: what it wrote before it died is read below
        for event in worker.poll():
            self._handle(event, now)
        if self._worker is None:
            return  # an event made us give it up
        late = self._cancel_by is not None and now > self._cancel_by
        held = self._held
        silent = self._watchdog.check(now, paused=held.paused) if held else None
        if worker.rubbish_lines:
            self._give_up(not_understood("It wrote lines that are no messages."))
        elif not was_alive or late:
            self._give_up(died(worker))
        elif silent is not None:
            self._give_up(silent)
        else:
            self._submit()

    def _handle(self, event: Json, now: float) -> None:
        kind = str(event["kind"])
        self._watchdog.heard(kind)
        held = self._held
        try:
            if kind == "hello" and event.get("protocol") != PROTOCOL_VERSION:
                raise ValueError(f"It speaks protocol {event.get('protocol')}")
            if held is None or event.get("job") not in (held.name, None):
                return
            was_active = held.active
            held.handle(event, now)
        except ValueError as error:
            self._give_up(not_understood(f"{error}."))
            return
        if kind in ("done", "failed", "cancelled"):
            self._held = self._cancel_by = None
            task = held.task
            if was_active and held.state is State.DONE:
                self._times.learn(task, held.spent, warm=task.models in self._warm)
            if held.stage in task.loaded_stages:
                self._warm.add(task.models)

    def _give_up(self, error: UserError) -> None:
        """End the worker by force. The job that it held fails, unless it was cancelled; one that
        waited behind it gets a new worker."""
        worker, held = self._worker, self._held
        if worker is None:
            return
        if held is not None:
            held.fail(error)
        worker.kill()
        self._retire()
        if self.job is not None and self.job.active:
            try:
                self._start_worker(worker.python)
                self._submit()
            except UserError as start_error:
                self.job.fail(start_error)

    def _retire(self) -> None:
        if self._worker is None:
            return
        self._retired.append(self._worker)
        if self._held is not None:
            self._leftovers.add_killed(self._worker, self._held)
        self._worker = self._held = self._cancel_by = None
        self._warm.clear()
