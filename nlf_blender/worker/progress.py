# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job tells how far it is, learns that it shall stop, and is timed stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable

Listener = Callable[[str, int, int, int, "float | None"], None]


class Cancelled(Exception):
    """The job was cancelled; whoever started it asked for that, so it is no failure."""


class Progress:
    """Progress of one job.

    listener(stage, done, total, people, seconds_left) hears every step; is_cancelled is asked at
    every step, so a job stops between two steps.
    """

    def __init__(
        self, listener: Listener | None = None, is_cancelled: Callable[[], bool] | None = None
    ) -> None:
        self._listener = listener
        self._is_cancelled = is_cancelled
        self._stage = ""
        self._stage_began = time.monotonic()
        self.people = 0
        self.seconds: dict[str, float] = {}

    def step(self, stage: str, done: int = 0, total: int = 1) -> None:
        """Say that `done` of `total` units of a stage are through. Cancelled if it shall stop."""
        now = time.monotonic()
        if stage != self._stage:
            self._close_stage(now)
            self._stage, self._stage_began = stage, now
        if self._listener is not None:
            left = (now - self._stage_began) / done * (total - done) if done else None
            self._listener(stage, done, total, self.people, left)
        if self._is_cancelled is not None and self._is_cancelled():
            raise Cancelled

    def finish(self) -> None:
        """Close the last stage, so that `seconds` is complete."""
        self._close_stage(time.monotonic())
        self._stage = ""

    def _close_stage(self, now: float) -> None:
        if self._stage:
            spent = now - self._stage_began
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
