# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user wants of a take's people and motion, from the first touch of a slider until the
worker has solved it: the panels show this, not yet what lies on the disk.

Changes are gathered for a moment before they become a job. A take whose hand-drawn box is still
being localized waits: that job adds to the list of edits itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from ...bridge.queue import Entry
from ...bridge.task import BOXES, SOLVE, HandBox, boxes_task, solve_task
from ...errors import UserError
from ...protocol.edits import Edit
from ...protocol.solve_settings import SolveSettings
from ..jobs import job_pump
from ..jobs.runtime import RUNTIME
from ..redraw import tag_redraw
from ..setup.preferences import preferences
from .take_store import STORE

GATHERING_SECONDS = 0.1


@dataclass(frozen=True)
class _Wish:
    """What one take shall become. settings, edits: None for those on the disk; entry: the job that
    is to do it, None while changes are still gathered; scene: the session_uid of the scene."""

    settings: SolveSettings | None = None
    edits: tuple[Edit, ...] | None = None
    entry: Entry[Any] | None = None
    scene: int = 0


class SolveRequests:
    """The wishes of all takes that are not fulfilled yet."""

    def __init__(self) -> None:
        self._wishes: dict[Path, _Wish] = {}
        self._due: set[Path] = set()

    def settings(self, take: Path) -> SolveSettings:
        """The settings to show: those wanted, else those of the take's solution."""
        wish = self._wish(take)
        return wish.settings if wish and wish.settings else saved_settings(take)

    def edits(self, take: Path) -> tuple[Edit, ...]:
        """The edits to show: those wanted, else those of the take. UserError if it is damaged."""
        wish = self._wish(take)
        return STORE.edits(take) if wish is None or wish.edits is None else wish.edits

    def changed(self, take: Path) -> bool:
        """Whether something was changed that no job was started for."""
        wish = self._wish(take)
        return wish is not None and wish.entry is None

    def at_work(self, take: Path) -> Entry[Any] | None:
        """The job, running or waiting, that solves this take; None if there is none."""
        wish = self._wish(take)
        return None if wish is None else wish.entry

    def change_settings(self, take: Path, settings: SolveSettings, *, live: bool) -> None:
        """Want other settings; live: solve with them in a moment."""
        wish = self._wish(take) or _Wish()
        self._wishes[take] = replace(wish, settings=settings, entry=None, scene=_scene_uid())
        if live:
            self._due.add(take)
            _stop_timer()
            bpy.app.timers.register(_gather, first_interval=GATHERING_SECONDS)
        tag_redraw()

    def add_edit(self, take: Path, edit: Edit) -> None:
        """Want one more edit, at once. UserError if it cannot be."""
        self._change_edits(take, (*self.edits(take), edit))

    def undo_edit(self, take: Path) -> None:
        """Want the last edit undone, at once. UserError if it cannot be."""
        self._change_edits(take, self.edits(take)[:-1])

    def _change_edits(self, take: Path, edits: tuple[Edit, ...]) -> None:
        if box_under_way(take):
            raise UserError(
                "A box is being localized",
                f"What it finds is added to the edits of {take.name}.",
                "Wait until it is done.",
            )
        wish = self._wish(take) or _Wish()
        self._wishes[take] = replace(wish, edits=edits, entry=None, scene=_scene_uid())
        self.submit(take)

    def submit(self, take: Path) -> None:
        """Solve the take as it is wanted now. UserError if the job cannot be started."""
        wish = self._wish(take) or _Wish(scene=_scene_uid())
        self._due.discard(take)
        task = solve_task(take, self.edits(take), self.settings(take))
        entry = _start(task, wish.scene)
        self._wishes[take] = replace(wish, entry=entry)

    def submit_box(self, take: Path, box: HandBox) -> None:
        """Localize the person in a hand-drawn box, then solve. UserError if it cannot start."""
        task = boxes_task(take, [box], self.edits(take), self.settings(take))
        _start(task, _scene_uid())
        wish = self._wish(take)
        if wish is not None:  # its edits are the job's now, which adds to them
            self._wishes[take] = replace(wish, edits=None)

    def forget(self) -> None:
        """Another file is opened: what was not started is not wanted any more."""
        self._wishes.clear()
        self._due.clear()
        _stop_timer()

    def tick(self) -> float | None:
        """Start what is due. Returns seconds until the next call, or None."""
        for take in sorted(self._due):
            if box_under_way(take):
                continue
            self._due.discard(take)
            try:
                self.submit(take)
            except UserError as error:
                self._wishes.pop(take, None)
                RUNTIME.fail(error, SOLVE)
                tag_redraw()
        return GATHERING_SECONDS if self._due else None

    def _wish(self, take: Path) -> _Wish | None:
        """What is wanted of a take, unless its job is over: then the disk has it, or it failed."""
        wish = self._wishes.get(take)
        if wish is not None and wish.entry is not None and wish.entry.over:
            del self._wishes[take]
            return None
        return wish


def saved_settings(take: Path) -> SolveSettings:
    """The settings of a take's solution, the defaults if it has none that can be read."""
    try:
        return SolveSettings.from_json(STORE.solution(take).settings)
    except (UserError, ValueError):
        return SolveSettings()


def box_under_way(take: Path) -> Entry[Any] | None:
    """The job of a hand-drawn box of this take, waiting or running; None if there is none."""
    entries: Sequence[Entry[Any]] = RUNTIME.queue.entries
    boxes = (e for e in entries if e.task.command == BOXES and e.task.take == take and e.active)
    return next(boxes, None)


def _start(task: Any, scene_uid: int) -> Entry[Any]:
    scenes = bpy.data.scenes
    scene = next((s for s in scenes if s.session_uid == scene_uid), bpy.context.scene)
    python = preferences(bpy.context).find_interpreter().path
    entry = RUNTIME.submit(python, task, scene, first=True)
    job_pump.start()
    return entry


def _scene_uid() -> int:
    return bpy.context.scene.session_uid


REQUESTS = SolveRequests()


def _gather() -> float | None:
    return REQUESTS.tick()


def _stop_timer() -> None:
    if bpy.app.timers.is_registered(_gather):
        bpy.app.timers.unregister(_gather)


@bpy.app.handlers.persistent
def _before_another_file(*_: object) -> None:
    REQUESTS.forget()


def register() -> None:
    """Notice when another file is opened."""
    bpy.app.handlers.load_pre.append(_before_another_file)


def unregister() -> None:
    """Stop the timer."""
    bpy.app.handlers.load_pre.remove(_before_another_file)
    REQUESTS.forget()
