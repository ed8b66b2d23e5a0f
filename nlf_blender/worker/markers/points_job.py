# SPDX-License-Identifier: GPL-3.0-or-later
"""Point sets for a take that exists: only what is missing of them is localized, then the motion of
footage is cleaned up, with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ...body.body_data import BodyData
from ...errors import UserError
from ...protocol.edits import read_edits
from ...protocol.messages import STARTING
from ...protocol.rows import ChunkInfo, read_chunk
from ...protocol.settings import LocalizeSettings
from ...protocol.take import WHOLE, TakeInfo
from ...protocol.take_sets import POINTS_FILE, SETS_FOLDER, TakeSet, remove_take_set, take_sets
from ..engine import Engine, Models
from ..footage.claim import held_any_take
from ..footage.finish import clean_up
from ..footage.resume import require_same_models, settings_of
from ..nlf.localized import LocalizedPerson
from ..progress import Progress
from ..solved_before import settings_before
from ..take_writer import disk_errors
from .attachment_file import is_attached
from .pending import Borrowed, PendingSet, forget_others
from .photo_rig import fit_photo_rig
from .row_points import RowPoints
from .set_rows import has_hash, sets_have
from .sets import JobSet, joined, read_sets, two_of_one_name

LOCALIZING = "Localizing points"
AGAIN = "add the points again: what is done is kept"


def localize_points(
    take: Path,
    files: Sequence[str],
    remove: Sequence[str],
    engine: Engine,
    progress: Progress,
    *,
    source: Path | None = None,
    force: bool = False,
    body_folders: Sequence[str] = (),
) -> Path:
    """Give a take the sets in files, take others by their names from it, and return its folder.

    A set replaces one of the same name. source: where the take's source is now, if it was moved;
    force: localize points far from the body, too; body_folders: with the bodies that sets were
    placed on, beside those of the take's own settings. UserError if the take is not whole, in use
    or damaged, if a file, the source, the model or the disk is not usable; Cancelled: what is done
    of the sets is kept until they are asked for again.
    """
    progress.people = 0
    progress.step(STARTING)
    with ExitStack() as stack:
        with disk_errors(take, AGAIN):
            info = stack.enter_context(held_any_take(take))
        require_whole(take, info)
        gone = _folders(take, remove)
        if files:
            settings = settings_of(take, info)
            folders = (*body_folders, *settings.body_folders)
            settings = replace(settings, body_folders=folders)
            _add(take, info, files, force, gone, source, settings, engine, progress)
        with disk_errors(take, AGAIN):
            for folder in gone:
                remove_take_set(folder)
            forget_others(take, ())
        if info.is_footage:
            clean_up(take, settings_before(take), read_edits(take), engine, progress)
    progress.finish()
    return take


def require_whole(take: Path, info: TakeInfo) -> None:
    """UserError if frames of a take are still to be localized."""
    if info.state != WHOLE:
        raise UserError(
            "Take not finished", f"{take} lacks frames.", "Resume its job, then add points."
        )


def _folders(take: Path, names: Collection[str]) -> set[Path]:
    """The folders of the take's sets of these names. UserError if there is none of a name."""
    by_name = {info.name: take / SETS_FOLDER / slug for slug, info in take_sets(take).items()}
    for name in names:
        if name not in by_name:
            there = ", ".join(by_name) or "none"
            raise UserError(
                "No such point set",
                f"{take} has no set called '{name}'; it has {there}.",
                "Choose one of them.",
            )
    return {by_name[name] for name in names}


def _add(
    take: Path,
    info: TakeInfo,
    files: Sequence[str],
    force: bool,
    gone: set[Path],
    source: Path | None,
    settings: LocalizeSettings,
    engine: Engine,
    progress: Progress,
) -> None:
    """Localize what is missing of the sets and make them the take's; those of them that were to go
    (`gone`) do not any more."""
    models = engine.models(settings)
    require_same_models(take, info, models)
    progress.step("Reading")
    sets = read_sets(files, models.bodies, force=force)
    known = take_sets(take)
    _require_own_folders(take, sets, known, gone)
    gone -= {take / SETS_FOLDER / item.slug for item in sets}
    body = models.body_model.body
    wanted = [item for item in sets if not _is_there(take, info, item, known, body)]
    with disk_errors(take, AGAIN):
        pending = _begin(take, info, wanted, models)
    with RowPoints(take, info, models, settings, source) as people:
        done, total = 0, sum(chunk.rows for chunk in info.chunks)
        for index, chunk in enumerate(info.chunks):
            progress.step(LOCALIZING, done, total)
            lacking = [item for item in pending if item.lacks(chunk)]
            _add_chunk(people, lacking, index, chunk, (done, total), progress)
            done += chunk.rows
    with disk_errors(take, AGAIN):
        for item in pending:
            if not info.is_footage:
                fit_photo_rig(item.folder, item.item, read_chunk(take, info.chunks[0]), models)
            item.install(take)


def _begin(
    take: Path, info: TakeInfo, wanted: Sequence[JobSet], models: Models
) -> list[PendingSet]:
    """The sets on their way into the take, with what a stopped job left of them; others that were
    left are removed."""
    listed = {chunk.sha256 for chunk in info.chunks}
    readouts = [item.weights(models.localizer) if len(item.columns) else None for item in wanted]
    pending = [
        PendingSet.begin(take, item, readout, listed)
        for item, readout in zip(wanted, readouts, strict=True)
    ]
    forget_others(take, pending)
    return pending


def _add_chunk(
    people: RowPoints,
    lacking: Sequence[PendingSet],
    index: int,
    chunk: ChunkInfo,
    rows_done: tuple[int, int],
    progress: Progress,
) -> None:
    """Localize what is missing of sets in one chunk of the take, and write it."""
    borrowed = [item.borrow(chunk) for item in lacking]
    readouts = [item.readout(lent.missing) for item, lent in zip(lacking, borrowed, strict=True)]
    weights = joined([readout for readout in readouts if readout is not None])

    def tell(crops_done: int, crops: int) -> None:
        done, total = rows_done
        progress.step(LOCALIZING, done + chunk.rows * crops_done // crops, total)

    localized = [] if weights is None else people.localize(index, weights, tell)
    with disk_errors(people.take, AGAIN):
        _write(lacking, borrowed, localized, index, chunk)


def _write(
    lacking: Sequence[PendingSet],
    borrowed: Sequence[Borrowed],
    localized: Sequence[LocalizedPerson],
    index: int,
    chunk: ChunkInfo,
) -> None:
    first = 0
    for item, lent in zip(lacking, borrowed, strict=True):
        item.add(index, chunk, lent, localized, first)
        first += len(lent.missing)


def _require_own_folders(
    take: Path, sets: Sequence[JobSet], known: dict[str, TakeSet], gone: Collection[Path]
) -> None:
    """UserError if a set of another name has the folder that a new one needs."""
    staying = {
        slug.casefold(): other
        for slug, other in known.items()
        if take / SETS_FOLDER / slug not in gone
    }
    for item in sets:
        other = staying.get(item.slug.casefold())
        if other is not None and other.name != item.points.name:
            raise two_of_one_name(item.points.name, other.name, take)


def _is_there(
    take: Path, info: TakeInfo, item: JobSet, known: dict[str, TakeSet], body: BodyData
) -> bool:
    """Whether a take of this body has all of this very set, undamaged."""
    there = known.get(item.slug)
    if there is None or there.points_sha256 != item.sha256:
        return False
    folder = take / SETS_FOLDER / item.slug
    if not has_hash(folder / POINTS_FILE, item.sha256) or not is_attached(
        folder, body, there.count
    ):
        return False
    return all(sets_have(take, {item.slug: there}, chunk) for chunk in info.chunks)
