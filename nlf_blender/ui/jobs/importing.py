# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings finished results into the scene they were asked for, when that harms nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy

from ...bridge.queue import Stand
from ...bridge.task import BOXES, POINTS, RESUME, SOLVE
from ...errors import UserError
from ...protocol import registration
from ...scene import (
    FootageOptions,
    ImportOptions,
    UpdateOptions,
    import_registration,
    import_take,
    takes_in,
    update_take,
)
from ...scene.markers.photo_sets import update_photo
from ..destination import Waiting
from ..redraw import tag_redraw
from ..take.update_options import update_options
from .early_motion import EARLY_MOTION
from .import_context import UNDO_NAMES, import_context
from .runtime import RUNTIME


def import_now(
    scene: bpy.types.Scene, folders: list[Path], footage: FootageOptions | None = None
) -> list[str]:
    """Import results into a scene, with rigs as its settings want them. footage: how footage comes
    in, if not as the scene's settings say. Returns what the user should know. UserError if one is
    bad."""
    notes: list[str] = []
    rig = scene.nlf.rig_options()
    options = ImportOptions(rig=rig, footage=footage or scene.nlf.footage_options())
    for folder in folders:
        if (folder / registration.INFO_FILE).is_file():
            notes += import_registration(scene, folder, rig).notes
            continue
        result = import_take(scene, folder, options)
        people = len(result.people)
        notes.append(f"{folder.stem}: {people} {'person' if people == 1 else 'people'} imported.")
        notes += result.notes
    return notes


def update_now(scene: bpy.types.Scene, folders: list[Path], options: UpdateOptions) -> list[str]:
    """Renew takes that are in a scene from their solutions. Returns what the user should know.
    UserError if one is bad."""
    notes: list[str] = []
    for folder in folders:
        result = update_take(scene, folder, options)
        if result is None:
            notes.append(
                f"{folder.stem} is solved, but its collection is not in {scene.name} any more, so"
                " nothing there was renewed: Import Take brings it in."
            )
            continue
        notes += result.notes
    return notes


def import_finished(entry: Waiting) -> None:
    """Bring in what came of a job that ended, as one undo step; errors go to its panel."""
    results = list(entry.job.results) if entry.job is not None else []
    command = entry.task.command
    scene = entry.target.scene()
    if scene is None:
        entry.end(Stand.DONE)
        if command not in (SOLVE, BOXES, POINTS):
            places = ", ".join(str(folder) for folder in results)
            RUNTIME.notes.append(
                f"Another file was opened meanwhile. The result is kept in {places}: "
                "Import Take brings it in."
            )
        return
    with import_context(scene):
        try:
            RUNTIME.notes += _bring_in(entry, scene, results)
        except UserError as error:
            entry.end(Stand.FAILED, error)
            RUNTIME.fail(error, command)
            return
        bpy.ops.ed.undo_push(message=UNDO_NAMES[command])
    EARLY_MOTION.forget()
    entry.end(Stand.DONE)
    tag_redraw()


def _bring_in(entry: Waiting, scene: bpy.types.Scene, folders: list[Path]) -> list[str]:
    if entry.target.finish is not None:
        return entry.target.finish(scene, folders)
    there = {folder.resolve() for folder in takes_in(scene)}
    known = [folder for folder in folders if folder.resolve() in there]
    if entry.task.command == POINTS:
        return _renew_sets(scene, folders)
    if entry.task.command in (SOLVE, BOXES):
        shown = EARLY_MOTION.shown(entry)
        return update_now(scene, folders, replace(update_options(scene), after_motion=shown))
    if entry.task.command == RESUME and known:  # all that is new, whatever the range
        return update_now(scene, known, UpdateOptions())
    return import_now(scene, folders, entry.target.footage_options())


def _renew_sets(scene: bpy.types.Scene, folders: list[Path]) -> list[str]:
    """Bring the point sets of takes that are in a scene up to date, whatever the range."""
    notes: list[str] = []
    for folder in folders:
        found = update_photo(scene, folder)
        if found is not None:
            notes += found
        else:
            keep = update_options(scene).keep_keys
            notes += update_now(scene, [folder], UpdateOptions(keep_keys=keep))
    return notes
