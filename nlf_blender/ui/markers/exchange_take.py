# SPDX-License-Identifier: GPL-3.0-or-later
"""Which take's markers are exported: that of the selected person or camera, else the only one."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...errors import UserError
from ...protocol.take import TAKE_FILE
from ...protocol.take_sets import take_sets
from ...scene import take_folder, takes_in
from ..selection import person_of
from ..take.active_take import active_take


def export_take(context: bpy.types.Context) -> Path | None:
    """The folder of the take at hand, of footage or of a photo; None without one."""
    active = active_take(context)
    if active is not None:
        return active.folder
    person = person_of(context.object)
    folder = None if person is None else take_folder(person.rig)
    if folder is not None and (folder / TAKE_FILE).is_file():
        return folder
    folders = takes_in(context.scene)
    return folders[0] if len(folders) == 1 else None


def active_person(context: bpy.types.Context) -> int | None:
    """The id of the selected person of footage, or None."""
    active = active_take(context)
    return None if active is None else active.person


def set_names(context: bpy.types.Context) -> list[str]:
    """The names of the point sets of the take at hand; none where it cannot be read."""
    folder = export_take(context)
    try:
        return [] if folder is None else [info.name for info in take_sets(folder).values()]
    except (OSError, UserError):
        return []
