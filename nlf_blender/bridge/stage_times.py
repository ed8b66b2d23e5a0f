# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the stages of a job take on this machine, for a progress bar that tells the truth."""

from __future__ import annotations

from ..protocol.messages import STARTING
from .task import LOCALIZE, REGISTER, Task

# Seconds by command and stage, on two CPU cores with one person or scan; the first job on a machine
# replaces them.
_LOCALIZE_GUESS = {
    "Starting": 6.0,
    "Reading": 0.2,
    "Finding people": 2.0,
    "Localizing": 2.0,
    "Fitting": 1.0,
    "Writing": 0.3,
}
_REGISTER_GUESS = {
    "Starting": 5.0,
    "Reading": 0.1,
    "Preparing the scan": 0.3,
    "Trying starts": 3.0,
    "Placing limbs": 2.0,
    "Following the surface": 1.0,
    "Comparing the best": 1.5,
    "Fitting the surface": 1.0,
    "Mending limbs": 0.7,
    "Settling": 0.5,
    "Measuring": 0.8,
    "Writing": 0.5,
}
_WARM_START = 0.1
_LEAST_SECONDS = 0.05


class StageTimes:
    """Expected seconds per stage, learnt from the jobs that went through."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, bool], dict[str, float]] = {}
        for command, guess in ((LOCALIZE, _LOCALIZE_GUESS), (REGISTER, _REGISTER_GUESS)):
            self._times[command, False] = dict(guess)
            self._times[command, True] = {**guess, STARTING: _WARM_START}

    def expected(self, task: Task, *, warm: bool) -> dict[str, float]:
        """Seconds per stage, in the task's order, for a worker that is warm for it or is not."""
        times = self._times[task.command, warm]
        return {stage: times.get(stage, _LEAST_SECONDS) for stage in task.stages}

    def learn(self, task: Task, spent: dict[str, float], *, warm: bool) -> None:
        """Take over what a finished job took."""
        times = self._times[task.command, warm]
        times.update({stage: max(seconds, _LEAST_SECONDS) for stage, seconds in spent.items()})


class Estimate:
    """The fraction done and the seconds left of one job, from its stages and a clock."""

    def __init__(self, expected: dict[str, float], now: float) -> None:
        self._expected = expected
        self._began = self._stage_began = now
        self._stage = STARTING
        self._share = 0.0
        self._passed: set[str] = set()
        self.spent: dict[str, float] = {}
        self.fraction = 0.0

    def step(self, stage: str, share: float, now: float) -> None:
        """Note that `share` (0 to 1) of a stage is through."""
        if stage != self._stage:
            self._close_stage(now)
            self._stage, self._stage_began = stage, now
        self._share = share

    def finish(self, now: float) -> None:
        """Note that all is through."""
        self._close_stage(now)
        self.fraction = 1.0

    def seconds_left(self, now: float) -> float:
        """Seconds until the job is through, and `fraction` brought up to date (it never falls)."""
        left = self._stage_left(now) + sum(
            seconds
            for stage, seconds in self._expected.items()
            if stage != self._stage and stage not in self._passed
        )
        elapsed = now - self._began
        self.fraction = max(self.fraction, elapsed / (elapsed + left))
        return left

    def _stage_left(self, now: float) -> float:
        elapsed = now - self._stage_began
        if self._share > 0:
            return elapsed * (1 - self._share) / self._share
        expected = self._expected.get(self._stage, _LEAST_SECONDS)
        # Past its time a stage is taken to be at nine tenths: the bar slows down, never stops.
        return max(expected - elapsed, elapsed / 9, _LEAST_SECONDS)

    def _close_stage(self, now: float) -> None:
        self._passed.add(self._stage)
        seconds = now - self._stage_began
        self.spent[self._stage] = self.spent.get(self._stage, 0.0) + seconds
