# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings finished takes into the scene they were asked for, at a moment when that harms nothing."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..errors import UserError
from ..scene import import_take
from .redraw import tag_redraw
from .runtime import RUNTIME


def import_now(scene: bpy.types.Scene, takes: list[Path]) -> list[str]:
    """Import takes into a scene. Returns what the user should know. UserError if one is bad."""
    notes: list[str] = []
    for take in takes:
        result = import_take(scene, take)
        people = len(result.people)
        notes.append(f"{take.stem}: {people} {'person' if people == 1 else 'people'} imported.")
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


def import_finished(runtime_takes: list[Path]) -> None:
    """Import the takes of a job that ended, as one undo step; errors go to the panel."""
    scene = _target_scene()
    if scene is None:
        places = ", ".join(str(take) for take in runtime_takes)
        RUNTIME.notes.append(
            f"Another file was opened meanwhile. The result is kept in {places}: "
            "Import Take brings it in."
        )
        return
    window = _window_of(scene)
    override = {"scene": scene} if window is None else {"window": window, "scene": scene}
    with bpy.context.temp_override(**override):
        try:
            RUNTIME.notes += import_now(scene, runtime_takes)
        except UserError as error:
            RUNTIME.fail(error)
            return
        bpy.ops.ed.undo_push(message="Localize")
    tag_redraw()


def _target_scene() -> bpy.types.Scene | None:
    uid = RUNTIME.scene_uid
    return next((scene for scene in bpy.data.scenes if scene.session_uid == uid), None)


def _window_of(scene: bpy.types.Scene) -> bpy.types.Window | None:
    windows = bpy.context.window_manager.windows
    return next((window for window in windows if window.scene == scene), None)
