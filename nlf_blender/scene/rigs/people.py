# SPDX-License-Identifier: GPL-3.0-or-later
"""The people who were imported, whose motion an artist's rig can get."""

from __future__ import annotations

import bpy

from ..datablocks import IMPORT_TAG
from ..footage.objects import take_folder


def is_imported_rig(obj: bpy.types.Object | None) -> bool:
    """Whether an object is the rig of somebody who was imported from a take."""
    return (
        obj is not None
        and obj.type == "ARMATURE"
        and IMPORT_TAG in obj
        and take_folder(obj) is not None
    )


def imported_rigs(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The rigs of the people who are in a scene, by name."""
    return sorted(filter(is_imported_rig, scene.objects), key=lambda obj: obj.name_full)
