# SPDX-License-Identifier: GPL-3.0-or-later
"""One program at a time works on a take: the system's own lock on `TAKE/lock`, which is gone with
the program that held it, however that ended."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import UserError
from ...protocol.take import LOCK_FILE

# What systems answer if somebody else has the lock
HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _unlock(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


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
    file = os.open(take / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            _lock(file)
        except OSError as error:
            if error.errno in HELD:
                raise TakeInUse(take) from error
            raise UserError(
                "Take cannot be locked",
                f"The disk of {take} knows no locks: {error.strerror}.",
                "Put the takes on a disk of this computer.",
            ) from error
        yield
        _unlock(file)
    finally:
        os.close(file)  # which gives the lock back too
