# SPDX-License-Identifier: GPL-3.0-or-later
"""Tidying up after a worker that was killed: half-made takes, old sessions."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from ..protocol.take import SUFFIX, TAKE_FILE

_UNFINISHED = SUFFIX + ".part"
_REPLACED = SUFFIX + ".old"
_SESSIONS_KEPT = 5
_SESSION_SECONDS = 24 * 3600.0  # younger ones may be another Blender's


def remove_half_made_takes(out: Path, sources: tuple[Path, ...]) -> None:
    """Remove what a killed worker left of its takes, and put back a take it was replacing.

    Only folders named after the sources of its job are touched. A folder that cannot be removed
    stays: the next job of that source removes it.
    """
    stems = {source.stem for source in sources}
    for folder in _folders(out):
        name, found, rest = folder.name.rpartition(SUFFIX)
        if not found or not stems & {name, re.sub(r"-\d+$", "", name)}:
            continue
        if SUFFIX + rest == _UNFINISHED:
            shutil.rmtree(folder, ignore_errors=True)
        elif SUFFIX + rest == _REPLACED:
            _settle_replaced(folder, folder.with_name(name + SUFFIX))


def _settle_replaced(old: Path, final: Path) -> None:
    if (final / TAKE_FILE).is_file():
        shutil.rmtree(old, ignore_errors=True)
    elif not final.exists():
        old.rename(final)


def prune_sessions(root: Path) -> None:
    """Remove the folders of old sessions; the newest ones keep their logs."""
    folders = sorted(_folders(root), key=lambda folder: folder.name)
    for folder in folders[:-_SESSIONS_KEPT]:
        if time.time() - folder.stat().st_mtime > _SESSION_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(root: Path) -> list[Path]:
    try:
        return [entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()]
    except OSError:
        return []  # no such folder, so nothing was left in it
