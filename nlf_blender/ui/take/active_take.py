# SPDX-License-Identifier: GPL-3.0-or-later
"""Which take of footage the panels are about: that of the selected person or camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ...errors import UserError
from ...protocol.solution import PersonInfo, SolutionInfo
from ...scene.footage.objects import PART, RIG, person_id, take_folder
from ...scene.footage.scene_time import scene_frame
from .take_store import STORE


@dataclass(frozen=True)
class ActiveTake:
    """The take at hand. folder: where it lies, or should; obj: the object that led to it; person:
    the id of the person that it belongs to, or None."""

    folder: Path
    obj: bpy.types.Object
    person: int | None

    def solution(self) -> SolutionInfo | None:
        """Its solution, or None where there is none that can be read."""
        try:
            return STORE.solution(self.folder)
        except UserError:
            return None

    def scene_frame(self, index: int) -> int:
        """When the scene shows a frame of the source, an index; the index itself if nobody knows,
        as where the take cannot be read."""
        try:
            source = STORE.info(self.folder).source
        except UserError:
            return index
        frame = scene_frame(self.obj, source, index)
        return index if frame is None else frame

    def rigs(self, scene: bpy.types.Scene) -> dict[int, bpy.types.Object]:
        """The rigs of its people in a scene, by the person's id."""
        found: dict[int, bpy.types.Object] = {}
        for obj in scene.objects:
            person = person_id(obj) if obj.get(PART) == RIG else None
            if person is not None and take_folder(obj) == self.folder:
                found[person] = obj
        return found


def active_take(context: bpy.types.Context) -> ActiveTake | None:
    """The take of the active object, else of the scene's camera, else None."""
    for obj in (context.object, context.scene.camera):
        take = None if obj is None else _take_of(obj)
        if take is not None:
            return take
    return None


def _take_of(obj: bpy.types.Object) -> ActiveTake | None:
    """The take of footage that an object is of: as it says itself, or its parent does."""
    for candidate in (obj, obj.parent):
        if candidate is None or PART not in candidate:  # which photos have not
            continue
        folder = take_folder(candidate)
        if folder is not None:
            return ActiveTake(folder, candidate, person_id(candidate))
    return None


def person_with(solution: SolutionInfo | None, person: int | None) -> PersonInfo | None:
    """The person of a solution with this id, or None."""
    people = solution.people if solution else ()
    return next((info for info in people if info.id == person), None)
