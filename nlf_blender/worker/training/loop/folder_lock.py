# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that one program at a time writes to, for as long as it works in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ....errors import UserError
from ...file_lock import held
from ...take_writer import disk_errors

LOCK = "lock"


@contextmanager
def locked_folder(folder: Path, in_use: UserError) -> Iterator[None]:
    """A folder, made if it is not there, held for the time of the with block. Raises `in_use` if
    another program holds it; UserError if it cannot be written to. What a killed program held is
    free."""
    with ExitStack() as lock:
        with disk_errors(folder, "start the same command again"):
            folder.mkdir(parents=True, exist_ok=True)
            lock.enter_context(held(folder / LOCK, in_use))
        yield
