# SPDX-License-Identifier: GPL-3.0-or-later
"""One job as Blender sees it: its state, its progress and what came of it."""

from __future__ import annotations

import enum
from pathlib import Path

from ..errors import UserError
from ..protocol.json_fields import Json, as_int, as_list, as_object, as_str
from .stage_times import Estimate
from .task import Task


class State(enum.Enum):
    """Where a job is. STARTING and RUNNING may change; the others are final."""

    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job:
    """A job, moved on by the worker's events. Times are seconds of one monotonic clock."""

    def __init__(self, name: str, task: Task, estimate: Estimate) -> None:
        self.name = name
        self.task = task
        self.state = State.STARTING
        self.stage = task.stages[0]
        self.done = 0
        self.total = 0
        self.people = 0
        self.seconds_left: float | None = None
        self.results: tuple[Path, ...] = ()  # folders
        self.problems: tuple[UserError, ...] = ()  # sources without a result, though others gave
        self.error: UserError | None = None
        self.paused = False
        self.preview: tuple[Path, int] | None = None  # the take, and frames that its preview has
        self.motion: Path | None = None  # the take whose new motion is solved, but not its points
        self._estimate = estimate

    @property
    def active(self) -> bool:
        """Whether it is still under way."""
        return self.state in (State.STARTING, State.RUNNING)

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1; never falls."""
        return self._estimate.fraction

    @property
    def spent(self) -> dict[str, float]:
        """Seconds per stage so far; of footage, per frame."""
        return self._estimate.spent

    def command(self) -> Json:
        """The fields of the command that starts it."""
        return {"job": self.name, **self.task.fields}

    def handle(self, event: Json, now: float) -> None:
        """Take over an event of this job. ValueError if it lacks what its kind must have."""
        if not self.active:
            return
        kind = event["kind"]
        if kind == "progress":
            self._progress(event, now)
        elif kind == "preview":
            take = Path(as_str(event.get("take"), "preview.take"))
            self.preview = take, as_int(event.get("frames"), "preview.frames")
        elif kind == "motion":
            self.motion = Path(as_str(event.get("take"), "motion.take"))
        elif kind == "done":
            self._finish(event, now)
        elif kind == "failed":
            self.fail(_error(event))
        elif kind == "cancelled":
            self.cancel()

    def tick(self, now: float) -> None:
        """Bring the fraction and the seconds left up to date."""
        if self.active:
            self.seconds_left = self._estimate.seconds_left(now)

    def pause(self, now: float) -> None:
        """Note that it holds still."""
        if self.active:
            self.paused = True
            self._estimate.pause(now)

    def go_on(self, now: float) -> None:
        """Note that it goes on."""
        self.paused = False
        self._estimate.go_on(now)

    def fail(self, error: UserError) -> None:
        """End it with an error, unless it has ended."""
        if self.active:
            self.state = State.FAILED
            self.paused = False
            self.error = error

    def cancel(self) -> None:
        """End it because the user said so, unless it has ended."""
        if self.active:
            self.state = State.CANCELLED
            self.paused = False

    def _progress(self, event: Json, now: float) -> None:
        stage = as_str(event.get("stage"), "progress.stage")
        done = as_int(event.get("done"), "progress.done")
        total = as_int(event.get("total"), "progress.total")
        people = as_int(event.get("people"), "progress.people")
        self.state = State.RUNNING
        self.stage, self.done, self.total, self.people = stage, done, total, people
        self._estimate.step(stage, done, total, now)

    def _finish(self, event: Json, now: float) -> None:
        paths = as_list(event.get("results"), "done.results")
        results = tuple(Path(as_str(path, "a result")) for path in paths)
        failures = as_list(event.get("failures", []), "done.failures")
        self.problems = tuple(_error(as_object(item, "a failure")) for item in failures)
        self.results = results
        self.state = State.DONE
        self.paused = False
        self.seconds_left = 0.0
        self._estimate.finish(now)


def _error(data: Json) -> UserError:
    texts = {name: as_str(data.get(name), f"failed.{name}") for name in ("title", "detail", "fix")}
    return UserError.from_json(texts)
