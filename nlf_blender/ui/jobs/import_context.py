# SPDX-License-Identifier: GPL-3.0-or-later
"""When and how results may come into a scene, and what undo calls that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ...bridge.task import BOXES, LOCALIZE, POINTS, REGISTER, RESUME, SOLVE

UNDO_NAMES = {
    LOCALIZE: "Localize",
    RESUME: "Localize",
    SOLVE: "Solve",
    BOXES: "Localize in Box",
    POINTS: "Localize Markers",
    REGISTER: "Register Body",
}


def hindrance() -> str:
    """Why nothing can be imported at this moment, or an empty text."""
    if bpy.app.is_job_running("RENDER"):
        return "a render"
    for window in bpy.context.window_manager.windows:
        if any(operator is not None for operator in window.modal_operators):
            return "what you are doing"
    return ""


@contextmanager
def import_context(scene: bpy.types.Scene) -> Iterator[None]:
    """The context of a scene, in its window if it has one."""
    windows = bpy.context.window_manager.windows
    window = next((window for window in windows if window.scene == scene), None)
    override = {"scene": scene} if window is None else {"window": window, "scene": scene}
    with bpy.context.temp_override(**override):
        yield
