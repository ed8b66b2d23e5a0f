# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices a worker that says nothing, and one that lives but gets nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UserError


@dataclass(frozen=True)
class Bounds:
    """The longest waits, in seconds."""

    startup: float = 180.0  # until the first event; a virus scanner may read all of torch first
    silence: float = 30.0  # between two events; the worker beats once a second
    standstill: float = 1200.0  # without progress, though the worker beats
    cancel: float = 2.0  # until a cancelled job is given up by the worker


class Watchdog:
    """Adds up the time without news, one tick at a time.

    A long gap between two ticks counts as one second: the machine slept, or Blender was busy with
    something else, and the worker's events are read only now.
    """

    LONGEST_TICK = 1.0

    def __init__(self, bounds: Bounds, now: float) -> None:
        self._bounds = bounds
        self._last_tick = now
        self._greeted = False
        self._silent = 0.0
        self._still = 0.0

    def heard(self, kind: str) -> None:
        """Note an event."""
        self._greeted = True
        self._silent = 0.0
        if kind != "heartbeat":
            self._still = 0.0

    def new_job(self) -> None:
        """Note that a job begins: what was waited before does not count."""
        self._silent = self._still = 0.0

    def check(self, now: float, *, paused: bool = False) -> UserError | None:
        """What is wrong with the worker at this tick, or None. paused: its job stands on purpose;
        it beats all the same."""
        passed = min(max(now - self._last_tick, 0.0), self.LONGEST_TICK)
        self._last_tick = now
        self._silent += passed
        self._still += 0.0 if paused else passed
        if not self._greeted and self._silent > self._bounds.startup:
            return UserError(
                "The worker does not start",
                f"It was started {self._bounds.startup:.0f} s ago and has not said a word.",
                "Click Check in the preferences to see what keeps it, then try again.",
            )
        if self._greeted and self._silent > self._bounds.silence:
            return UserError(
                "The worker hangs",
                f"It has not been heard of for {self._bounds.silence:.0f} s and was ended.",
                "Try again; if it happens again, set the device to CPU in the preferences.",
            )
        if self._still > self._bounds.standstill:
            return UserError(
                "The worker gets nowhere",
                f"It made no progress for {self._bounds.standstill / 60:.0f} minutes and was "
                "ended.",
                "Try a smaller photo or scan, fewer people or another device.",
            )
        return None
