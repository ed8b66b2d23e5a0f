# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the stages of a job take on this machine, for a progress bar that tells the truth."""

from __future__ import annotations

from ..protocol.messages import FOOTAGE, STARTING
from .task import BOXES, LOCALIZE, POINTS, REGISTER, SOLVE, Task

# Seconds by kind of job and stage (FOOTAGE: per frame), on two CPU cores with one person or scan;
# the first job on a machine replaces them.
_GUESSES: dict[str, dict[str, float]] = {
    LOCALIZE: {
        STARTING: 6.0,
        "Reading": 0.2,
        "Finding people": 2.0,
        "Localizing": 2.0,
        "Fitting": 1.0,
        "Writing": 0.3,
    },
    FOOTAGE: {
        STARTING: 6.0,
        "Reading": 0.5,
        FOOTAGE: 1.0,
        "Joining people": 0.5,
        "Fitting": 2.0,
        "Cleaning up": 1.0,
        "Writing": 0.5,
    },
    SOLVE: {
        STARTING: 3.0,
        "Reading": 0.2,
        "Joining people": 0.1,
        "Fitting": 0.5,
        "Cleaning up": 0.3,
        "Writing": 0.2,
    },
    BOXES: {
        STARTING: 6.0,
        "Reading": 0.5,
        "Localizing": 2.0,
        "Joining people": 0.1,
        "Fitting": 0.5,
        "Cleaning up": 0.3,
        "Writing": 0.2,
    },
    POINTS: {
        STARTING: 6.0,
        "Reading": 0.5,
        "Localizing points": 10.0,
        "Joining people": 0.1,
        "Fitting": 0.5,
        "Cleaning up": 0.5,
        "Writing": 0.2,
    },
    REGISTER: {
        STARTING: 5.0,
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
    },
}
_WARM_START = 0.1
_LEAST_SECONDS = 0.05
_LEAST_A_FRAME = 1e-4


class StageTimes:
    """Expected seconds per stage (FOOTAGE: per frame), learnt from the jobs that went through."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, bool], dict[str, float]] = {}
        for kind, guess in _GUESSES.items():
            self._times[kind, False] = dict(guess)
            self._times[kind, True] = {**guess, STARTING: _WARM_START}

    def expected(self, task: Task, *, warm: bool) -> dict[str, float]:
        """Seconds per stage, in the task's order, for a worker that is warm for it or is not."""
        times = self._times[task.kind, warm]
        return {stage: times.get(stage, _LEAST_SECONDS) for stage in task.stages}

    def learn(self, task: Task, spent: dict[str, float], *, warm: bool) -> None:
        """Take over what a finished job took."""
        times = self._times[task.kind, warm]
        for stage, seconds in spent.items():
            times[stage] = max(seconds, _LEAST_A_FRAME if stage == FOOTAGE else _LEAST_SECONDS)


class Estimate:
    """The fraction done and the seconds left of one job, from its stages and a clock that stands
    while the job is paused."""

    def __init__(self, expected: dict[str, float], now: float) -> None:
        self._expected = expected
        self._began = self._stage_began = now
        self._paused_at: float | None = None
        self._stage = STARTING
        self._first = self._share = 0.0  # of the stage: when it was first heard of, and now
        self._frames = 0  # of the footage, as soon as that is known
        self._passed: set[str] = set()
        self._spent: dict[str, float] = {}
        self.fraction = 0.0

    @property
    def spent(self) -> dict[str, float]:
        """Seconds per stage so far (FOOTAGE: per frame)."""
        return dict(self._spent)

    def step(self, stage: str, done: int, total: int, now: float) -> None:
        """Note that `done` of `total` steps of a stage are through."""
        share = min(max(done / total, 0.0), 1.0) if total > 0 else 0.0
        if stage != self._stage:
            self._close_stage(now)
            # A resumed job begins in the middle: what was done before says nothing of its speed.
            self._stage, self._stage_began, self._first = stage, now, share
        if stage == FOOTAGE:
            self._frames = total
        self._share = share

    def pause(self, now: float) -> None:
        """Stop the clock."""
        if self._paused_at is None:
            self._paused_at = now

    def go_on(self, now: float) -> None:
        """Let the clock go on."""
        if self._paused_at is not None:
            self._began += now - self._paused_at
            self._stage_began += now - self._paused_at
            self._paused_at = None

    def finish(self, now: float) -> None:
        """Note that all is through."""
        self.go_on(now)
        self._close_stage(now)
        self.fraction = 1.0

    def seconds_left(self, now: float) -> float | None:
        """Seconds until the job is through, and `fraction` brought up to date (it never falls).
        None while nobody knows how many frames there are."""
        if FOOTAGE in self._expected and not self._frames:
            return None
        now = now if self._paused_at is None else self._paused_at
        left = self._stage_left(now) + sum(
            self._expected_of(stage)
            for stage in self._expected
            if stage != self._stage and stage not in self._passed
        )
        if not self._unmeasured():
            elapsed = now - self._began
            self.fraction = max(self.fraction, elapsed / (elapsed + left))
        return left

    def _unmeasured(self) -> bool:
        """Whether the footage is still to come, or no frame of it is through: a guess of its time
        may be ten times too short, and the fraction could never fall again."""
        if FOOTAGE not in self._expected or FOOTAGE in self._passed:
            return False
        return self._stage != FOOTAGE or self._share <= self._first

    def _expected_of(self, stage: str) -> float:
        expected = self._expected.get(stage, _LEAST_SECONDS)
        return expected * self._frames * (1 - self._first) if stage == FOOTAGE else expected

    def _stage_left(self, now: float) -> float:
        elapsed = now - self._stage_began
        if self._share > self._first:
            return elapsed * (1 - self._share) / (self._share - self._first)
        if self._stage == FOOTAGE:
            return max(self._expected_of(FOOTAGE) - elapsed, elapsed)
        # Past its time a stage is taken to be at nine tenths: the bar slows down, never stops.
        return max(self._expected_of(self._stage) - elapsed, elapsed / 9, _LEAST_SECONDS)

    def _close_stage(self, now: float) -> None:
        self._passed.add(self._stage)
        seconds = now - self._stage_began
        if self._stage == FOOTAGE:
            seconds /= max(self._frames * (1 - self._first), 1.0)
        self._spent[self._stage] = self._spent.get(self._stage, 0.0) + seconds
