# SPDX-License-Identifier: GPL-3.0-or-later
"""One program at a time works in a folder: the system's own lock on a file in it, which is gone
with the program that held it, however that ended."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError

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


@contextmanager
def held(path: Path, in_use: UserError) -> Iterator[None]:
    """Hold the lock file `path` for the time of the with block. Raises `in_use` if somebody else
    does; UserError if the disk cannot lock; OSError from the disk. The file stays."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            _lock(file)
        except OSError as error:
            if error.errno in HELD:
                raise in_use from error
            raise UserError(
                "Folder cannot be locked",
                f"The disk of {path.parent} knows no locks: {error.strerror}.",
                "Use a folder on a disk of this computer.",
            ) from error
        yield
        _unlock(file)
    finally:
        os.close(file)  # which gives the lock back too
