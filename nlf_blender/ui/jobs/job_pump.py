# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer that moves everything on: a bounded amount of work ten times a second or more, while
there is something to do."""

from __future__ import annotations

import traceback

import bpy

from ...bridge.task import SOLVE
from ...errors import UserError
from ..markers.canonical_results import take_body
from ..markers.exchange_results import take_results
from ..redraw import tag_redraw
from ..setup.file_work import adopt
from ..setup.preferences import preferences
from ..take import preview
from .early_motion import EARLY_MOTION
from .import_context import hindrance
from .importing import import_finished
from .problem import FILES
from .runtime import RUNTIME

BUSY_SECONDS = 0.1
LIVE_SECONDS = 0.05  # while a slider's result is awaited
WARM_SECONDS = 2.0  # a worker that only waits: its heartbeats are read, its death is noticed


def start() -> None:
    """See to it that the timer runs, and soon."""
    if bpy.app.timers.is_registered(pump):
        bpy.app.timers.unregister(pump)
    bpy.app.timers.register(pump, first_interval=0.0, persistent=True)


def pump() -> float | None:
    """Move everything on. Returns seconds until the next call, or None when nothing is left."""
    was_busy = RUNTIME.busy
    try:
        RUNTIME.tick()
        if RUNTIME.files.arrived:
            _adopt_files()
        preview.tick()
        EARLY_MOTION.tick()
        if RUNTIME.exchange.ended and not hindrance():
            take_results()
        if RUNTIME.canonical.ended and not hindrance():
            take_body()
        entry = RUNTIME.to_import
        if entry is not None and not hindrance():
            import_finished(entry)
    except Exception as error:  # noqa: BLE001  # the boundary: a timer that raises is dropped silently
        traceback.print_exc()
        RUNTIME.cancel_all()
        RUNTIME.files.close()
        RUNTIME.exchange.cancel()
        RUNTIME.canonical.cancel()
        RUNTIME.fail(
            UserError(
                "The extension failed",
                f"{type(error).__name__}: {error}",
                "Save your file and restart Blender; report it with the text of the console.",
            ),
            RUNTIME.command,
        )
    if was_busy or RUNTIME.busy:
        tag_redraw()
    if EARLY_MOTION.busy:
        return 0.0
    if RUNTIME.busy:
        return LIVE_SECONDS if RUNTIME.command == SOLVE else BUSY_SECONDS
    return WARM_SECONDS if RUNTIME.worker_alive else None


def _adopt_files() -> None:
    try:
        adopt(preferences(bpy.context), RUNTIME.files)
    except UserError as error:
        RUNTIME.fail(error, FILES)


@bpy.app.handlers.persistent
def _before_another_file(*_: object) -> None:
    RUNTIME.forget_scene()


def register() -> None:
    """Notice when another file is opened."""
    bpy.app.handlers.load_pre.append(_before_another_file)


def unregister() -> None:
    """Stop the timer."""
    bpy.app.handlers.load_pre.remove(_before_another_file)
    if bpy.app.timers.is_registered(pump):
        bpy.app.timers.unregister(pump)
