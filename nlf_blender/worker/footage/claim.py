# SPDX-License-Identifier: GPL-3.0-or-later
"""Which folder a take of footage lies in: its final one from the start, held by a lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import UserError
from ...protocol.take import BODY_FILE, CAMERAS_FILE, LOCK_FILE, SUFFIX, TAKE_FILE, TakeInfo
from ...protocol.take import read_info as read_take_info
from ...protocol.take_sets import SETS_FOLDER
from ..markers.pending import put_back_replaced
from .lock import TakeInUse, locked

PART = ".part"  # ends the name of a file until it is whole
# What a program that was killed while it began a take leaves, which is nobody's
BEGUN = {LOCK_FILE, BODY_FILE, CAMERAS_FILE, SETS_FOLDER}
START_SECONDS = 10.0  # what another program may need between the folder and its take.json


@contextmanager
def claimed_take(
    out: Path, name: str, belongs: Callable[[Path, TakeInfo], bool]
) -> Iterator[tuple[Path, TakeInfo | None]]:
    """The folder `out/NAME.take`, locked, and what its take.json says; None if there is no take.

    A number is added to the name if another take lies there, one for which belongs(folder, info)
    is false. UserError if the take is in use; OSError from the disk.
    """
    out.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = out / (f"{name}-{number}{SUFFIX}" if number > 1 else name + SUFFIX)
        _wait_for_its_start(folder)
        if not _is_free(folder, belongs):
            number += 1
            continue
        folder.mkdir(exist_ok=True)
        with locked(folder):
            if not _is_free(folder, belongs):
                continue  # another program was faster
            remove_parts(folder)
            yield folder, read_take_info(folder) if (folder / TAKE_FILE).exists() else None
            return


@contextmanager
def held_take(take: Path) -> Iterator[TakeInfo]:
    """A take of footage that exists, locked. UserError if there is none, or if it is in use."""
    if not read_take_info(take).is_footage:
        raise UserError(
            "No footage", f"{take} is the take of a photo.", "Choose a take of footage."
        )
    with held_any_take(take) as info:
        yield info


@contextmanager
def held_any_take(take: Path) -> Iterator[TakeInfo]:
    """A take that exists, locked, of a photo, too. UserError as `held_take`."""
    read_take_info(take)
    with locked(take):
        remove_parts(take)
        put_back_replaced(take)
        yield read_take_info(take)


def remove_parts(take: Path) -> None:
    """Remove files that were not whole when a program was killed. OSError from the disk."""
    for path in take.rglob(f"*{PART}"):
        if path.is_file():
            path.unlink()


def _is_free(folder: Path, belongs: Callable[[Path, TakeInfo], bool]) -> bool:
    """Whether a take may begin, or go on, in a folder."""
    if not folder.exists():
        return True
    if not folder.is_dir():
        return False
    if (folder / TAKE_FILE).exists():
        info = _known(folder)
        return info is not None and belongs(folder, info)
    return {path.name.removesuffix(PART) for path in folder.iterdir()} <= {*BEGUN, TAKE_FILE}


def _known(folder: Path) -> TakeInfo | None:
    """What take.json says; None if that is damaged or newer: never touch what we do not know."""
    try:
        return read_take_info(folder)
    except UserError:
        return None


def _wait_for_its_start(folder: Path) -> None:
    """While another program is about to begin a take, wait until it tells of what source it is."""
    limit = time.monotonic() + START_SECONDS
    while folder.is_dir() and not (folder / TAKE_FILE).exists() and time.monotonic() < limit:
        if not (folder / LOCK_FILE).exists():
            return
        try:
            with locked(folder):
                return
        except TakeInUse:
            time.sleep(0.05)
