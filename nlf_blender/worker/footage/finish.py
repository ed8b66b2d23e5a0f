# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left to do of a take: frames to localize, then the clean-up of the motion."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ...errors import UserError
from ...protocol.edits import Edit, read_edits
from ...protocol.files import write_whole
from ...protocol.rows import read_chunk
from ...protocol.solution import PREVIEW_FOLDER
from ...protocol.solve_settings import SolveSettings
from ...protocol.take import BODY_FILE, UNFINISHED, WHOLE, read_info, write_info
from ...protocol.take_sets import take_sets
from ..device import select_device
from ..engine import Engine
from ..markers.set_rows import has_hash, sets_have
from ..media.display import DisplayCopy
from ..motion.solve import solve_take
from ..progress import Progress
from ..smpl.fitting.fit import fitting_device
from ..take_writer import disk_errors
from .run import FootageRun, localize_missing

DISPLAY_FILE = "display.mp4"


class NothingFound(UserError):
    """The source gave nothing that is worth a take."""

    def __init__(self, take: Path, title: str, detail: str, fix: str) -> None:
        super().__init__(title, detail, fix)
        self.take = take


@contextmanager
def removed_if_empty() -> Iterator[None]:
    """Remove the take of a NothingFound that comes out of the with block, and let it go on."""
    try:
        yield
    except NothingFound as error:
        shutil.rmtree(error.take, ignore_errors=True)
        raise


def finish(run: FootageRun, engine: Engine) -> None:
    """Do what is left of a take that this program holds. UserError and Cancelled as
    `localize_footage`."""
    if run.info.state == UNFINISHED:
        complete(run)
    clean_up(run.take, run.settings.solve, read_edits(run.take), engine, run.progress)


def clean_up(
    take: Path, settings: SolveSettings, edits: Sequence[Edit], engine: Engine, progress: Progress
) -> None:
    """Solve a take that this program holds. UserError and Cancelled as `solve_take`."""
    device = str(fitting_device(select_device("auto")))
    solve_take(take, settings, edits, progress, device, engine.solve_cache)
    if read_info(take).state == WHOLE:
        shutil.rmtree(take / PREVIEW_FOLDER, ignore_errors=True)
    progress.finish()


def complete(run: FootageRun) -> None:
    """Localize what is missing and mark the take as whole."""
    run = mended(run)
    if run.footage.info.as_stored:
        info = localize_missing(run, None)
    else:
        with DisplayCopy(run.take / DISPLAY_FILE, run.footage.info) as copy:
            info = localize_missing(run, copy)
    listed = sum(chunk.frames for chunk in info.chunks)
    if not sum(chunk.rows for chunk in info.chunks):
        raise nothing_found(run, listed)
    last = int(read_chunk(run.take, info.chunks[-1], ("frames",), verify=False)["frames"][-1])
    count = (last - info.source.first_frame) // info.source.step + 1
    notes = list(info.notes)
    if run.footage.broken:
        notes.append(f"Localized up to frame {last}. {run.footage.broken}")
    if count > listed:
        notes.append(f"{count - listed} of {count} frames could not be read.")
    display = "" if run.footage.info.as_stored else DISPLAY_FILE
    source = replace(info.source, frame_count=count, display=display)
    with disk_errors(run.take, "resume the job"):
        write_info(run.take, replace(info, source=source, notes=tuple(notes), state=WHOLE))


def mended(run: FootageRun) -> FootageRun:
    """The run with what is undamaged of its take: the body is written again if need be, and chunks
    from the first on whose file, or whose rows of a point set, are not what was written are
    localized again."""
    body = run.take / BODY_FILE
    with disk_errors(run.take, "resume the job"):
        if not has_hash(body, hashlib.sha256(run.models.body_file).hexdigest()):
            write_whole(body, run.models.body_file)
    sets = take_sets(run.take)
    whole = itertools.takewhile(
        lambda chunk: (
            has_hash(run.take / chunk.file, chunk.sha256) and sets_have(run.take, sets, chunk)
        ),
        run.info.chunks,
    )
    return replace(run, info=replace(run.info, chunks=tuple(whole)))


def nothing_found(run: FootageRun, frames: int) -> NothingFound:
    """Why a take of so many frames is empty."""
    name = Path(run.info.source.path).name
    if not frames:
        return NothingFound(
            run.take,
            "Footage not readable",
            f"No frame of {name} can be read. {run.footage.broken}".strip(),
            "Open it in a video player, or get a fresh copy.",
        )
    return NothingFound(
        run.take,
        "Nobody found",
        f"No person was recognised in any of the {frames} frames of {name}.",
        "Choose frames in which people are larger, or crop the footage closer to them.",
    )
