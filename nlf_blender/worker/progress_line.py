# SPDX-License-Identifier: GPL-3.0-or-later
"""How the command line shows progress and failures."""

from __future__ import annotations

import sys
import time

from ..errors import UserError


def print_error(error: UserError) -> None:
    """Show a failure on standard error: title and cause, then the fix on a line of its own."""
    print(f"{error.title}: {error.detail}\n  -> {error.fix}", file=sys.stderr)


def print_seconds(seconds: dict[str, float]) -> None:
    """Show on standard error what each stage took."""
    spent = ", ".join(f"{stage} {value:.1f} s" for stage, value in seconds.items())
    print(spent, file=sys.stderr)


class ProgressLine:
    """Shows progress on standard error: a line per change, at most five a second, each with a
    prefix."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._last = ("", 0.0)

    def show(
        self, stage: str, done: int, total: int, people: int, seconds_left: float | None
    ) -> None:
        """A Progress listener."""
        now = time.monotonic()
        if stage == self._last[0] and now - self._last[1] < 0.2:
            return
        self._last = (stage, now)
        text = stage if total <= 1 else f"{stage} {done}/{total}"
        if people:
            text += f" ({people} {'person' if people == 1 else 'people'})"
        if seconds_left is not None and seconds_left > 1:
            text += f", {seconds_left:.0f} s left"
        print(self._prefix + text, file=sys.stderr, flush=True)
