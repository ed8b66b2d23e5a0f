# SPDX-License-Identifier: GPL-3.0-or-later
"""What long work tells on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

SAY_EVERY_SECONDS = 10.0


def progress_printer(what: str) -> Callable[[int, int], None]:
    """A listener (done, total) that says every few seconds how far it is and what is left."""
    began, said = time.monotonic(), -SAY_EVERY_SECONDS
    first: int | None = None

    def show(done: int, total: int) -> None:
        nonlocal said, first
        first = done if first is None else first
        now = time.monotonic()
        if now - said < SAY_EVERY_SECONDS and done < total:
            return
        said = now
        pace = (now - began) / max(done - first, 1)
        say(f"{what}: {done}/{total}, {1000 * pace:.0f} ms each, "
            f"{pace * (total - done) / 60:.1f} min left")  # fmt: skip

    return show


def say(text: str) -> None:
    """Tell what is going on, on standard error."""
    print(text, file=sys.stderr, flush=True)
