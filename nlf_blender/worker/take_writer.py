# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a take so that it appears whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..protocol.take import SUFFIX, TAKE_FILE

UNFINISHED_SUFFIX = SUFFIX + ".part"


def require_writable(out: Path) -> None:
    """Find out before the work begins whether takes can be written there, or to the nearest folder
    above that exists. UserError if not; nothing is made."""
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            "Folder not writable",
            f"The take cannot be written to {out}.",
            "Choose a folder that you may write to.",
        )


@contextmanager
def new_take(out: Path, source: Path, sha256: str) -> Iterator[Path]:
    """A folder to fill, which becomes `out/NAME.take` at the end of the with block.

    NAME is the source's file name without its ending; a number is added if that take belongs to
    another source, while a take of the same source is replaced, in one step, at the end. If the
    block fails, the folder goes. UserError if the disk or the permissions stand in the way.
    """
    with _disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        final = _free_name(out, source.stem, sha256)
        unfinished = final.with_name(final.name.removesuffix(SUFFIX) + UNFINISHED_SUFFIX)
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir()
        try:
            yield unfinished
            _replace(unfinished, final)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise


def final_path(unfinished: Path) -> Path:
    """Where the folder that `new_take` gave will be at the end."""
    return unfinished.with_name(unfinished.name.removesuffix(UNFINISHED_SUFFIX) + SUFFIX)


def _free_name(out: Path, stem: str, sha256: str) -> Path:
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        path = out / (name + SUFFIX)
        if not path.exists() or _source_of(path) == sha256:
            return path
        number += 1


def _source_of(take: Path) -> str | None:
    try:
        return json.loads((take / TAKE_FILE).read_bytes())["source"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no take of ours: never replace what we did not write


def _replace(unfinished: Path, final: Path) -> None:
    if not final.exists():
        unfinished.rename(final)
        return
    old = final.with_name(final.name + ".old")
    if old.exists():
        shutil.rmtree(old)
    final.rename(old)
    unfinished.rename(final)
    shutil.rmtree(old)


@contextmanager
def _disk_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise UserError(
            "Folder not writable",
            f"The take cannot be written to {out}: {error.strerror}.",
            "Choose a folder that you may write to.",
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                "Disk full", f"No space is left for the take in {out}.", "Free some and try again."
            ) from error
        raise UserError(
            "Folder not usable",
            f"The take cannot be written to {out}: {error.strerror}.",
            "Choose another folder.",
        ) from error
