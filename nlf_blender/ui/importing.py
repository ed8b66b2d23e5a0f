# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings finished results into the scene they were asked for, when that harms nothing."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..bridge.task import LOCALIZE, REGISTER
from ..errors import UserError
from ..protocol import registration
from ..scene import ImportOptions, import_registration, import_take
from .redraw import tag_redraw
from .runtime import RUNTIME

UNDO_NAMES = {LOCALIZE: "Localize", REGISTER: "Register Body"}


def import_now(scene: bpy.types.Scene, folders: list[Path]) -> list[str]:
    """Import results into a scene, with rigs as its settings want them. Returns what the user
    should know. UserError if one is bad."""
    notes: list[str] = []
    rig = scene.nlf.rig_options()
    for folder in folders:
        if (folder / registration.INFO_FILE).is_file():
            notes += import_registration(scene, folder, rig).notes
            continue
        result = import_take(scene, folder, ImportOptions(rig=rig))
        people = len(result.people)
        notes.append(f"{folder.stem}: {people} {'person' if people == 1 else 'people'} imported.")
        notes += result.notes
    return notes


def hindrance() -> str:
    """Why nothing can be imported at this moment, or an empty text."""
    if bpy.app.is_job_running("RENDER"):
        return "a render"
    for window in bpy.context.window_manager.windows:
        if any(operator is not None for operator in window.modal_operators):
            return "what you are doing"
    return ""


def import_finished(folders: list[Path], command: str) -> None:
    """Import the results of a job of this kind that ended, as one undo step; errors go to its
    panel."""
    scene = _target_scene()
    if scene is None:
        places = ", ".join(str(folder) for folder in folders)
        RUNTIME.notes.append(
            f"Another file was opened meanwhile. The result is kept in {places}: "
            "Import Take brings it in."
        )
        return
    window = _window_of(scene)
    override = {"scene": scene} if window is None else {"window": window, "scene": scene}
    with bpy.context.temp_override(**override):
        try:
            RUNTIME.notes += import_now(scene, folders)
        except UserError as error:
            RUNTIME.fail(error, command)
            return
        bpy.ops.ed.undo_push(message=UNDO_NAMES[command])
    tag_redraw()


def _target_scene() -> bpy.types.Scene | None:
    uid = RUNTIME.scene_uid
    return next((scene for scene in bpy.data.scenes if scene.session_uid == uid), None)


def _window_of(scene: bpy.types.Scene) -> bpy.types.Window | None:
    windows = bpy.context.window_manager.windows
    return next((window for window in windows if window.scene == scene), None)
