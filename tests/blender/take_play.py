# SPDX-License-Identifier: GPL-3.0-or-later
"""A take of footage in the scene of a registered extension, whose jobs are caught before they reach
a worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import footage_fixtures as footage
import numpy as np
import pytest
import scene_fixtures

from nlf_blender.bridge.queue import Entry, Stand
from nlf_blender.bridge.task import Task
from nlf_blender.protocol.edits import Edit, edits_from_json, write_edits
from nlf_blender.protocol.json_fields import Json
from nlf_blender.protocol.rows import ROW_FIELDS, write_chunk
from nlf_blender.protocol.solution import (
    SOLUTION_FOLDER,
    PersonInfo,
    SolutionInfo,
    read_solution,
    write_solution,
)
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.protocol.take import read_info, write_info
from nlf_blender.scene import import_take
from nlf_blender.ui.take import people_list, solve_requests

SETTINGS = SolveSettings(smoothing=0.3, max_people=5)
FRAMES = np.arange(5, 40)


class Play:
    """A take of two people in the scene and a third who was dropped; `tasks` are what was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entries: list[Entry[None]] = []
        monkeypatch.setattr(solve_requests, "_start", self._start)
        body = scene_fixtures.make_body()
        people = {3: footage.walk(body, 1, FRAMES), 8: footage.walk(body, 2, FRAMES)}
        names = {3: "Anna", 8: "Bert"}
        self.folder = footage.write_footage(folder, body, people, names=names, points=False)
        add_chunk(self.folder)
        self.body, self.people = body, people
        extra = PersonInfo(9, "Person 9", False, "", "", "", (7, 9), 3)
        solution = self.solution
        self.write(people=(*solution.people, extra), settings=SETTINGS.to_json())
        result = import_take(bpy.context.scene, self.folder)
        self.camera = result.camera
        self.rigs = {person.track: person.rig for person in result.people}
        bpy.context.view_layer.update()
        self.activate(self.rigs[3])
        people_list.sync()

    @property
    def solution(self) -> SolutionInfo:
        """The take's solution, read anew."""
        return read_solution(self.folder)

    def write(self, **changes: object) -> None:
        """Write another solution, as a solved job does."""
        write_solution(self.folder / SOLUTION_FOLDER, replace(self.solution, **changes))

    def write_edits(self, *edits: Edit) -> None:
        """Write the edits of the take and of its solution."""
        write_edits(self.folder, edits)
        self.write(edits=edits)

    def activate(self, obj: bpy.types.Object | None) -> None:
        """Select one object only, as a click in the view does."""
        for other in bpy.context.view_layer.objects.selected:
            other.select_set(False)
        if obj is not None:
            obj.select_set(True)
        bpy.context.view_layer.objects.active = obj

    def _start(self, task: Task, scene_uid: int) -> Entry[None]:
        assert scene_uid == bpy.context.scene.session_uid
        self.entries.append(Entry(Path("python"), task, None))
        return self.entries[-1]

    @property
    def tasks(self) -> list[Task]:
        """All jobs that were asked for."""
        return [entry.task for entry in self.entries]

    def edits_asked(self) -> tuple[Edit, ...]:
        """The edits of the last job that was asked for."""
        return edits_from_json(self.tasks[-1].fields["edits"])

    def settings_asked(self) -> Json:
        """The settings of the last job that was asked for."""
        return self.tasks[-1].fields["settings"]

    def end(self, stand: Stand = Stand.DONE) -> None:
        """End all jobs, as if the worker had."""
        for entry in self.entries:
            entry.stand = stand


def add_chunk(take: Path) -> None:
    """Let a take have looked at its first 40 frames."""
    nobody = {name: np.zeros((0, *[1] * len(axes))) for name, (_, axes) in ROW_FIELDS.items()}
    frames = np.arange(40)
    looked_at = {"frames": frames, "times": frames / footage.NTSC_RATE, "cuts": frames < 0}
    chunk = write_chunk(take, 0, {**nobody, **looked_at})
    write_info(take, replace(read_info(take), chunks=(chunk,)))


def view() -> bpy.types.PropertyGroup:
    """The properties of the active take."""
    return bpy.context.window_manager.nlf_take


def event(kind: str, value: str = "PRESS", x: float = 0, y: float = 0) -> SimpleNamespace:
    """What Blender tells of the mouse."""
    return SimpleNamespace(type=kind, value=value, mouse_x=x, mouse_y=y)
