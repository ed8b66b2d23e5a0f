# SPDX-License-Identifier: GPL-3.0-or-later
"""The new motion of a take comes into its scene as soon as it is solved: a moved slider shows what
it does while meshes and markers are still written. Those follow when the job ends, and all together
is one undo step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import bpy

from ...body.body_data import BodyData, load_body_npz
from ...bridge.task import BOXES, SOLVE
from ...errors import UserError
from ...protocol.take import BODY_FILE
from ...scene import motion_pieces, takes_in
from ..destination import Waiting
from ..redraw import tag_redraw
from ..take.update_options import update_options
from .import_context import UNDO_NAMES, hindrance, import_context
from .runtime import RUNTIME


class EarlyMotion:
    """The job whose motion is in its scene, and whose points are not."""

    def __init__(self) -> None:
        self._entry: Waiting | None = None
        self._pieces: Iterator[None] | None = None  # what is still to come of its motion
        self._body: tuple[Path, int, BodyData] | None = None  # of the last take, and its file's age

    @property
    def busy(self) -> bool:
        """Whether the next piece waits to be brought in."""
        return self._pieces is not None

    def tick(self) -> None:
        """Bring in a piece of the motion of the job at work, if it is new; give up a job that only
        writes points of a motion that nobody wants any more."""
        entry = RUNTIME.queue.current
        if self._entry is not None and self._entry is not entry:
            followed = entry is not None and entry.task.take == self._entry.task.take
            self._end(self._entry, followed=followed or RUNTIME.queue.is_outdated(self._entry))
        if entry is None or entry.job is None or entry.job.motion is None:
            return
        if entry.task.command in (SOLVE, BOXES) and entry.job.active and not hindrance():
            if self._entry is None:
                self._begin(entry, entry.job.motion)
            elif self._pieces is not None:
                self._go_on(entry, self._pieces)
            elif RUNTIME.queue.is_outdated(entry):
                RUNTIME.cancel()

    def shown(self, entry: Waiting) -> bool:
        """Whether the motion of an entry is in its scene, or a part of it."""
        return self._entry is entry

    def forget(self) -> None:
        """What was shown is part of a step of undo, or of another file."""
        self._entry = self._pieces = None

    def _begin(self, entry: Waiting, take: Path) -> None:
        scene = entry.target.scene()
        if scene is not None and take.resolve() in takes_in(scene):
            self._entry = entry
            with import_context(scene), suppress(UserError):  # told when the job has ended
                body, options = self._body_of(take), update_options(scene)
                self._pieces = motion_pieces(entry.target.scene, take, body, options)

    def _go_on(self, entry: Waiting, pieces: Iterator[None]) -> None:
        scene = entry.target.scene()
        self._pieces = None
        if scene is None:
            return
        with import_context(scene), suppress(UserError, StopIteration):
            next(pieces)
            self._pieces = pieces
        tag_redraw()

    def _body_of(self, take: Path) -> BodyData:
        """A take's body, whose file is large. UserError if it is damaged or gone."""
        path = take / BODY_FILE
        age = path.stat().st_mtime_ns if path.is_file() else 0
        if self._body is None or self._body[:2] != (path, age):
            self._body = path, age, load_body_npz(path)
        return self._body[2]

    def _end(self, entry: Waiting, *, followed: bool) -> None:
        """A job ended before its points were there: the motion stays, and is a step of undo, unless
        it is followed by another motion of the take."""
        self.forget()
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
