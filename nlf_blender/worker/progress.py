# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job tells how far it is, learns that it shall pause or stop, and is timed by stages."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

Listener = Callable[[str, int, int, int, "float | None"], None]
WAITING = "Waiting for frames"  # in Progress.seconds: a part of the stage FOOTAGE
PAUSE_SECONDS = 0.1  # between two looks whether a paused job may go on


class Cancelled(Exception):
    """The job was cancelled; whoever started it asked for that, so it is no failure."""


class Progress:
    """Progress of one job.

    listener(stage, done, total, people, seconds_left) hears every step; is_cancelled and is_paused
    are asked at every step, so a job stops and holds still between two steps; on_preview(take,
    frames) hears that a preview of the frames localized so far lies in the take; on_motion(take)
    that its solution has the new motion, though not yet the points.
    """

    def __init__(
        self,
        listener: Listener | None = None,
        is_cancelled: Callable[[], bool] | None = None,
        is_paused: Callable[[], bool] | None = None,
        on_preview: Callable[[Path, int], None] | None = None,
        on_motion: Callable[[Path], None] | None = None,
    ) -> None:
        self._listener = listener
        self._is_cancelled = is_cancelled or (lambda: False)
        self._is_paused = is_paused or (lambda: False)
        self._on_preview = on_preview
        self._on_motion = on_motion
        self._stage = ""
        self._stage_began = time.monotonic()
        self._done_before = 0
        self.people = 0
        self.seconds: dict[str, float] = {}

    def step(self, stage: str, done: int = 0, total: int = 1) -> None:
        """Say that `done` of `total` units of a stage are through. Waits while the job is paused;
        Cancelled if it shall stop."""
        now = time.monotonic()
        if stage != self._stage:
            self._close_stage(now)
            self._stage, self._stage_began, self._done_before = stage, now, done
        if self._listener is not None:
            fresh = done - self._done_before  # a job that was resumed did not do the others now
            left = (now - self._stage_began) / fresh * (total - done) if fresh > 0 else None
            self._listener(stage, done, total, self.people, left)
        while self._is_paused() and not self._is_cancelled():
            time.sleep(PAUSE_SECONDS)
            self._stage_began += PAUSE_SECONDS
        if self._is_cancelled():
            raise Cancelled

    def preview(self, take: Path, frames: int) -> None:
        """Say that a take's preview is new and shows its first so many localized frames."""
        if self._on_preview is not None:
            self._on_preview(take, frames)

    def motion(self, take: Path) -> None:
        """Say that a take's solution has the new motion, and that its points follow."""
        if self._on_motion is not None:
            self._on_motion(take)

    def add_seconds(self, what: str, seconds: float) -> None:
        """Note what a part of a stage took, for `seconds`."""
        self.seconds[what] = self.seconds.get(what, 0.0) + seconds

    def finish(self) -> None:
        """Close the last stage, so that `seconds` is complete."""
        self._close_stage(time.monotonic())
        self._stage = ""

    def _close_stage(self, now: float) -> None:
        if self._stage:
            self.add_seconds(self._stage, now - self._stage_began)
