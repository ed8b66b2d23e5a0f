# SPDX-License-Identifier: GPL-3.0-or-later
"""Which solved motion an action of an artist's rig has, to see when that was solved again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ...protocol.solution import SolutionInfo
from ..footage.objects import mark, take_folder

APPLIED = "applied"  # the part that such an action is
MOTION_FILE = "nlf_rig_motion"  # of such an action: name of the file; another motion has another


@dataclass(frozen=True)
class MotionOrigin:
    """A motion of a take of footage. person: PersonInfo.id; file: in the solution's folder."""

    take: Path
    person: int
    file: str


def remember_origin(action: bpy.types.Action, origin: MotionOrigin) -> None:
    """Write on an action where its motion comes from."""
    mark(action, origin.take, APPLIED, origin.person)
    action[MOTION_FILE] = origin.file


def playing_take(rig: bpy.types.Object) -> Path | None:
    """The take whose motion a rig has now; None if it has another action."""
    action = _action(rig)
    return None if action is None else take_folder(action)


def is_outdated(rig: bpy.types.Object, solution: SolutionInfo) -> bool:
    """Whether the motion that a rig has is none of its take's solution any more."""
    action = _action(rig)
    files = {files.rig for person in solution.people for files in person.sets}
    return action is not None and action[MOTION_FILE] not in files


def _action(rig: bpy.types.Object) -> bpy.types.Action | None:
    action = None if rig.animation_data is None else rig.animation_data.action
    return action if action is not None and MOTION_FILE in action else None
