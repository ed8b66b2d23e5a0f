# SPDX-License-Identifier: GPL-3.0-or-later
"""Tidying up after a worker that was killed: half-made results, old sessions."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from ..protocol.files import REPLACED, UNFINISHED, ResultLayout

_SESSIONS_KEPT = 5
_SESSION_SECONDS = 24 * 3600.0  # younger ones may be another Blender's


def remove_half_made(out: Path, names: frozenset[str], layout: ResultLayout) -> None:
    """Remove what a killed worker left of its results, and put back one that it was replacing.

    Only folders with the names of its job's results are touched. A folder that cannot be removed
    stays: the next job of that name removes it.
    """
    for folder in _folders(out):
        name, found, rest = folder.name.rpartition(layout.suffix)
        if not found or not names & {name, re.sub(r"-\d+$", "", name)}:
            continue
        if rest == UNFINISHED:
            shutil.rmtree(folder, ignore_errors=True)
        elif rest == REPLACED:
            final = folder.with_name(name + layout.suffix)
            _settle_replaced(folder, final, final / layout.info_file)


def _settle_replaced(old: Path, final: Path, info_file: Path) -> None:
    if info_file.is_file():
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
