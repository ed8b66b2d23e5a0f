# SPDX-License-Identifier: GPL-3.0-or-later
"""The take, of footage or of a photo, that markers are localized in later."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...bridge.queue import Entry
from ...bridge.task import POINTS
from ...errors import UserError
from ...protocol.take_sets import FEATURES_FOLDER, TakeSet
from ...scene.markers.photo_sets import photo_folder
from ..jobs.runtime import RUNTIME
from ..selection import person_of
from ..take.active_take import active_take
from ..take.take_store import STORE


def markers_take(context: bpy.types.Context) -> Path | None:
    """The take of the active object, of a photo or of footage; else that of the scene's camera if
    it is of footage; else None."""
    obj, person = context.object, person_of(context.object)
    candidates = [] if person is None else [person.rig]
    while obj is not None:
        candidates.append(obj)
        obj = obj.parent
    for candidate in candidates:
        folder = photo_folder(candidate)
        if folder is not None:
            return folder
    take = active_take(context)
    return None if take is None else take.folder


def sets_of(take: Path) -> dict[str, TakeSet]:
    """The point sets of a take by the names of their folders; none if they cannot be read, which
    the job tells."""
    try:
        return STORE.sets(take)
    except UserError:
        return {}


def needs_source(take: Path) -> bool:
    """Whether new sets in a take ask for its source, which is not where it was."""
    try:
        source = STORE.info(take).source
    except UserError:
        return False
    return not (take / FEATURES_FOLDER).is_dir() and not Path(source.path).exists()


def points_under_way(take: Path) -> Entry | None:
    """The job, waiting or running, that localizes points in a take; None if there is none."""
    return next(
        (
            entry
            for entry in RUNTIME.queue.entries
            if entry.task.command == POINTS and entry.task.take == take and entry.active
        ),
        None,
    )
