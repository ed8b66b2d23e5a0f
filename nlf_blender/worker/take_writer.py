# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a result's folder so that it appears whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..protocol.files import REPLACED, UNFINISHED, ResultLayout
from ..protocol.take import LAYOUT as TAKE_LAYOUT


def require_writable(out: Path) -> None:
    """Find out before the work begins whether results can be written there, or to the nearest
    folder above that exists. UserError if not; nothing is made."""
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            "Folder not writable",
            f"The result cannot be written to {out}.",
            "Give yourself the right to write there, or choose another folder.",
        )


@contextmanager
def new_take(out: Path, source: Path, sha256: str) -> Iterator[Path]:
    """A folder to fill, which becomes the take `out/NAME.take` at the end of the with block.

    NAME is the source's file name without its ending; else as `new_result`.
    """
    with new_result(out, source.stem, sha256, TAKE_LAYOUT) as folder:
        yield folder


@contextmanager
def new_result(out: Path, name: str, sha256: str, layout: ResultLayout) -> Iterator[Path]:
    """A folder to fill, which becomes `out/NAME.SUFFIX` at the end of the with block.

    A number is added to the name if that result belongs to another source (sha256), while a result
    of the same source is replaced, in one step, at the end. If the block fails, the folder goes.
    UserError if the disk or the permissions stand in the way.
    """
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        final = _free_name(out, name, sha256, layout)
        unfinished = final.with_name(final.name + UNFINISHED)
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
    """Where the folder that `new_take` or `new_result` gave will be at the end."""
    return unfinished.with_name(unfinished.name.removesuffix(UNFINISHED))


def _free_name(out: Path, stem: str, sha256: str, layout: ResultLayout) -> Path:
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        path = out / (name + layout.suffix)
        if not path.exists() or _source_of(path / layout.info_file) == sha256:
            return path
        number += 1


def _source_of(info_file: Path) -> str | None:
    try:
        return json.loads(info_file.read_bytes())["source"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # no result of ours: never replace what we did not write


def _replace(unfinished: Path, final: Path) -> None:
    if not final.exists():
        unfinished.rename(final)
        return
    old = final.with_name(final.name + REPLACED)
    if old.exists():
        shutil.rmtree(old)
    final.rename(old)
    unfinished.rename(final)
    shutil.rmtree(old)


@contextmanager
def disk_errors(out: Path, again: str = "try again") -> Iterator[None]:
    """UserError where the disk or the permissions stand in the way of writing to `out`; `again`:
    what to do once they do not."""
    try:
        yield
    except PermissionError as error:
        raise UserError(
            "Folder not writable",
            f"The result cannot be written to {out}: {error.strerror}.",
            f"Get the right to write there, or choose another folder; then {again}.",
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                "Disk full",
                f"No space is left for the result in {out}.",
                f"Free some, then {again}.",
            ) from error
        raise UserError(
            "Folder not usable",
            f"The result cannot be written to {out}: {error.strerror}.",
            f"Mend that, or choose another folder; then {again}.",
        ) from error
