# SPDX-License-Identifier: GPL-3.0-or-later
"""Going on with a take of footage whose job was cancelled, killed or short of space."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ...errors import UserError
from ...protocol.edits import read_edits
from ...protocol.left_to_do import lacks_something
from ...protocol.messages import STARTING
from ...protocol.settings import SOURCE_CHANGED, LocalizeSettings
from ...protocol.take import SEQUENCE, WHOLE, ModelInfo, TakeInfo, write_info
from ..engine import Engine, Models
from ..markers.sets import JobSets, sets_of_take
from ..media.fingerprint import fingerprint
from ..media.footage import Footage
from ..media.source import open_footage
from ..pipeline import body_info
from ..progress import Progress
from ..solved_before import settings_before
from ..take_writer import disk_errors
from .cameras import FrameCameras
from .claim import held_take
from .finish import clean_up, finish, removed_if_empty
from .run import CHANGED_NOTE, FootageRun


def resume_take(
    take: Path, source: Path | None, changed: bool, engine: Engine, progress: Progress
) -> Path:
    """Finish a take and return its folder; one that lacks nothing stays as it is.

    source: where the footage is now, if it was moved; changed: go on though it is not what it was.
    UserError if it is gone, if it was changed, if another model or body is in its place, or as
    `localize_footage`; Cancelled if the job was.
    """
    progress.people = 0
    progress.step("Reading")
    with removed_if_empty(), ExitStack() as stack:
        with disk_errors(take, "resume the job"):
            info = stack.enter_context(held_take(take))
        if not lacks_something(take, info):
            return take
        if info.state == WHOLE:
            clean_up(take, settings_before(take), read_edits(take), engine, progress)
            return take
        footage, info = opened_source(info, source, changed)
        stack.enter_context(footage)
        settings = settings_of(take, info)
        progress.step(STARTING)
        models = engine.models(settings)
        require_same_models(take, info, models)
        with disk_errors(take, "resume the job"):
            write_info(take, info)
        cameras = FrameCameras.of_take(take, info)
        sets = JobSets.of(sets_of_take(take, models.bodies), models.localizer)
        run = FootageRun(take, info, footage, cameras, models, settings, progress, sets)
        finish(run, engine)
    return take


def settings_of(take: Path, info: TakeInfo) -> LocalizeSettings:
    """The settings with which a take was begun. UserError if a newer version wrote them."""
    try:
        return LocalizeSettings.from_json(info.settings)
    except ValueError as error:
        raise UserError(
            "Settings not understood", f"{take}: {error}.", "Update the NLF extension."
        ) from error


def opened_source(info: TakeInfo, moved_to: Path | None, changed: bool) -> tuple[Footage, TakeInfo]:
    """The footage of a take, open, and what take.json says once it is used. UserError if it is
    gone, or changed without leave."""
    path = moved_to or Path(info.source.path)
    if not path.exists():
        raise UserError(
            "Source not found",
            f"{path} is not there any more.",
            "Choose where it is now, then resume the job.",
        )
    is_sequence = info.source.kind == SEQUENCE
    sha256 = fingerprint(path, sequence=is_sequence)
    if sha256 != info.source.sha256 and not changed:
        raise UserError(
            SOURCE_CHANGED,
            f"{path} is not what the take was begun with.",
            "Choose the file that it was begun with, or go on with this one.",
        )
    fps = info.settings.get("fps")
    footage = open_footage(path, fps=fps if isinstance(fps, float) else None, sequence=is_sequence)
    about = footage.info
    was = info.source
    same_rate = was.fps is None or math.isclose(about.fps, was.fps, rel_tol=0.01)
    if (about.width, about.height) != (was.width, was.height) or not same_rate:
        footage.close()
        raise UserError(
            "Other footage",
            f"{path} has {about.width} x {about.height} pixels at {about.fps:g} frames a second,"
            f" the take's footage {was.width} x {was.height} at {was.fps:g}.",
            "Choose the file that the take was begun with, or localize this one anew.",
        )
    source = replace(info.source, path=str(about.path.resolve()), sha256=sha256)
    notes = info.notes
    if sha256 != info.source.sha256:
        notes = (*(note for note in notes if note != CHANGED_NOTE), CHANGED_NOTE)
    return footage, replace(info, source=source, notes=notes)


def require_same_models(take: Path, info: TakeInfo, models: Models) -> None:
    """UserError if a take was begun with another model or body than these."""
    for what, old, new in (
        ("model", info.model, models.localizer.info),
        ("body", info.body, body_info(models)),
    ):
        if old.sha256 != new.sha256:
            raise other_file(take, what, old, new)


def other_file(take: Path, what: str, old: ModelInfo, new: ModelInfo) -> UserError:
    """What the user is told if a file is not what a take was begun with."""
    return UserError(
        f"Other {what}",
        f"{take} was begun with {old.name} ({old.sha256[:12]}), but there is {new.name}"
        f" ({new.sha256[:12]}) now.",
        f"Put the {what}'s file back, or localize the footage anew.",
    )
