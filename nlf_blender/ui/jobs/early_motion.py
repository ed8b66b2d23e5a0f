# SPDX-License-Identifier: GPL-3.0-or-later
"""The new motion of a take comes into its scene as soon as it is solved: a moved slider shows what
it does while meshes and markers are still written. Those follow when the job ends, and all together
is one undo step."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import bpy

from ...bridge.task import BOXES, SOLVE
from ...errors import UserError
from ...scene import update_take
from ..destination import Waiting
from ..redraw import tag_redraw
from ..take.update_options import update_options
from .import_context import UNDO_NAMES, hindrance, import_context
from .runtime import RUNTIME


class EarlyMotion:
    """The job whose motion is in its scene, and whose points are not."""

    def __init__(self) -> None:
        self._entry: Waiting | None = None

    def tick(self) -> None:
        """Bring in the motion of the job at work, if it is new; give up a job that only writes
        points of a motion that nobody wants any more."""
        entry = RUNTIME.queue.current
        if self._entry is not None and self._entry is not entry:
            followed = entry is not None and entry.task.take == self._entry.task.take
            self._end(self._entry, followed=followed or RUNTIME.queue.is_outdated(self._entry))
        if entry is None or entry.job is None or entry.job.motion is None:
            return
        if entry.task.command in (SOLVE, BOXES) and entry.job.active and not hindrance():
            if self._entry is None:
                self._show(entry, entry.job.motion)
            if RUNTIME.queue.is_outdated(entry):
                RUNTIME.cancel()

    def shown(self, entry: Waiting) -> bool:
        """Whether the motion of an entry is in its scene."""
        return self._entry is entry

    def forget(self) -> None:
        """What was shown is part of a step of undo, or of another file."""
        self._entry = None

    def _show(self, entry: Waiting, take: Path) -> None:
        scene = entry.target.scene()
        if scene is None:
            return
        self._entry = entry
        with import_context(scene), suppress(UserError):  # it is told when the job has ended
            update_take(scene, take, replace(update_options(scene), motion_only=True))
        tag_redraw()

    def _end(self, entry: Waiting, *, followed: bool) -> None:
        """A job ended before its points were there: the motion stays, and is a step of undo, unless
        it is followed by another motion of the take."""
        self._entry = None
        scene = entry.target.scene()
        if scene is None or followed:
            return
        with import_context(scene):
            bpy.ops.ed.undo_push(message=UNDO_NAMES[entry.task.command])


EARLY_MOTION = EarlyMotion()


@bpy.app.handlers.persistent
def _before_another_file(*_: object) -> None:
    EARLY_MOTION.forget()


def register() -> None:
    """Notice when another file is opened."""
    bpy.app.handlers.load_pre.append(_before_another_file)


def unregister() -> None:
    """Forget all."""
    bpy.app.handlers.load_pre.remove(_before_another_file)
    EARLY_MOTION.forget()
