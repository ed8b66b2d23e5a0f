# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of sources of any kind in, takes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..protocol.settings import LocalizeSettings
from ..protocol.take import PHOTO
from .engine import Engine
from .media.source import kind_of
from .pipeline import localize_photo
from .progress import Progress
from .take_writer import require_writable


@dataclass(frozen=True)
class Outcome:
    """What came of a list of sources: the takes, and the sources that gave none, and why."""

    takes: tuple[Path, ...]
    failures: tuple[tuple[Path, UserError], ...]


def localize_sources(
    sources: list[Path], out: Path, settings: LocalizeSettings, engine: Engine, progress: Progress
) -> Outcome:
    """Localize photos and footage one after the other; one that fails does not keep the others
    from theirs.

    UserError if takes cannot be written to `out`; Cancelled if the job was.
    """
    require_writable(out)
    takes: list[Path] = []
    failures: list[tuple[Path, UserError]] = []
    for source in sources:
        try:
            takes.append(localize_source(source, out, settings, engine, progress))
        except UserError as error:
            failures.append((source, error))
    progress.finish()
    return Outcome(tuple(takes), tuple(failures))


def localize_source(
    source: Path, out: Path, settings: LocalizeSettings, engine: Engine, progress: Progress
) -> Path:
    """Localize a photo or footage and return the take's folder. UserError; Cancelled."""
    progress.step("Reading")
    if not settings.sequence and kind_of(source) == PHOTO:
        return localize_photo(source, out, settings, engine, progress)
    from .footage.job import localize_footage  # loads much that photos do not need

    return localize_footage(source, out, settings, engine, progress)
