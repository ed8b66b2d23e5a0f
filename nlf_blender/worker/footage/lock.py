# SPDX-License-Identifier: GPL-3.0-or-later
"""One program at a time works on a take: the lock `TAKE/lock`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import UserError
from ...protocol.take import LOCK_FILE
from ..file_lock import held


class TakeInUse(UserError):
    """Another program is at work on the take."""

    def __init__(self, take: Path) -> None:
        super().__init__(
            "Take in use",
            f"Another program is at work on {take}.",
            "Wait until it is done, or stop it there; then try again.",
        )


@contextmanager
def locked(take: Path) -> Iterator[None]:
    """Hold the take for the time of the with block. TakeInUse if somebody else does; UserError if
    the disk cannot lock; OSError from the disk. The lock's file stays."""
    with held(take / LOCK_FILE, TakeInUse(take)):
        yield
