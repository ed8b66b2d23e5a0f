# SPDX-License-Identifier: GPL-3.0-or-later
"""Solving the active take again, and keying over the result."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...bridge.task import SOLVE
from ...scene import add_layer
from ...scene.footage.objects import PART, RIG
from ..jobs.runtime import errors_reported
from .active_take import ActiveTake, active_take
from .solve_requests import REQUESTS, box_under_way


class NLF_OT_solve(bpy.types.Operator):
    """Clean the motion of this take up with these settings, and renew it in the scene. The network does not run again"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.solve"
    bl_label = "Solve"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a take, and it is not being changed by a box."""
        take = active_take(context)
        if take is None:
            cls.poll_message_set("Select a person or a camera that was imported from footage")
            return False
        if box_under_way(take.folder):
            cls.poll_message_set("Wait until the box is localized")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Hand the job over."""
        take = active_take(context)
        if take is not None:
            with errors_reported(self, SOLVE):
                REQUESTS.submit(take.folder)
                return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_add_layer(bpy.types.Operator):
    """Put a layer for keys made by hand over the solved motion of the active person; solving again leaves it alone"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.add_layer"
    bl_label = "Add Layer"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a rig from footage."""
        if _rig(active_take(context), context) is None:
            cls.poll_message_set("Select a person that was imported from footage")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it."""
        rig = _rig(active_take(context), context)
        if rig is not None:
            with errors_reported(self, SOLVE):
                action = add_layer(rig)
                self.report({"INFO"}, f"Keys now go to {action.name}, over the solved motion")
                return {"FINISHED"}
        return {"CANCELLED"}


def _rig(take: ActiveTake | None, context: bpy.types.Context) -> bpy.types.Object | None:
    if take is None or take.person is None:
        return None
    if take.obj.get(PART) == RIG:
        return take.obj
    return take.rigs(context.scene).get(take.person)


CLASSES = (NLF_OT_solve, NLF_OT_add_layer)
