# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for the artist's own rigs: have one localized, and give it the motion."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...bridge.task import POINTS
from ...errors import UserError
from ...scene.markers.canonical_body import canonical_kind
from ...scene.markers.point_sets import take_rig_points
from ...scene.rigs.apply_rig import apply_rig
from ...scene.rigs.kept_points import forget_points, keep_points
from ...scene.rigs.people import imported_rigs, is_imported_rig
from ...scene.rigs.take_rig import solved_rig
from ..jobs.runtime import RUNTIME, errors_reported
from .active_set import active_body


def active_rig(context: bpy.types.Context) -> bpy.types.Object | None:
    """The artist's armature that the panel is about: the active object, or what deforms it; else
    the only one that is localized; None without one."""
    obj = context.object
    if obj is not None and obj.type == "MESH" and not canonical_kind(obj):
        obj = obj.find_armature() or obj
    if _is_own(obj):
        return obj
    added = [o for o in context.scene.objects if _is_own(o) and o.nlf_points.is_set]
    return added[0] if len(added) == 1 else None


def _is_own(obj: bpy.types.Object | None) -> bool:
    return obj is not None and obj.type == "ARMATURE" and not is_imported_rig(obj)


def person_of(context: bpy.types.Context, rig: bpy.types.Object) -> bpy.types.Object | None:
    """The imported person whose motion a rig gets: the chosen one, else the only one."""
    chosen = rig.nlf_rig.person
    people = imported_rigs(context.scene)
    if chosen in people:
        return chosen
    return people[0] if len(people) == 1 else None


class _OfRig:
    """Operators that need an armature of the artist's."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is one, in object or pose mode."""
        if active_rig(context) is None:
            cls.poll_message_set("Select the armature of your rig")
            return False
        return context.mode in ("OBJECT", "POSE")


class NLF_OT_add_rig(_OfRig, bpy.types.Operator):
    """Have this rig localized as it stands in the canonical body now; afterwards it may move"""

    bl_idname = "nlf.add_rig"
    bl_label = "Localize Rig"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Keep how it stands, and mark it."""
        rig = active_rig(context)
        with errors_reported(self, POINTS):
            if not canonical_kind(rig.nlf_points.body):
                rig.nlf_points.body = active_body(context)
            found = take_rig_points(context.scene, rig)
            keep_points(rig, found.points)
            rig.nlf_points.is_set = rig.nlf_points.localize = True
            RUNTIME.problem, RUNTIME.notes = None, list(found.notes)
            self.report({"INFO"}, found.notes[0])
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_remove_rig(_OfRig, bpy.types.Operator):
    """Do not localize this rig any more; the rig itself and its actions stay"""

    bl_idname = "nlf.remove_rig"
    bl_label = "Do Not Localize Rig"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Unmark it."""
        rig = active_rig(context)
        rig.nlf_points.is_set = False
        forget_points(rig)
        return {"FINISHED"}


class NLF_OT_apply_rig(_OfRig, bpy.types.Operator):
    """Give the rig the person's motion as a new action; the action that it has is kept"""

    bl_idname = "nlf.apply_rig"
    bl_label = "Apply Motion to Rig"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Read the take and write the action."""
        rig = active_rig(context)
        with errors_reported(self, POINTS):
            person = person_of(context, rig)
            if person is None:
                raise UserError(
                    "Nobody chosen",
                    "The scene has several imported people, or none.",
                    "Import the take, and choose the person whose motion the rig gets.",
                )
            solved = solved_rig(rig, person, context.scene)
            found = apply_rig(rig, solved, rig.nlf_rig.size)
            RUNTIME.problem, RUNTIME.notes = None, list(found.notes)
            self.report({"INFO"}, f"{rig.name} plays {found.action.name}")
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (NLF_OT_add_rig, NLF_OT_remove_rig, NLF_OT_apply_rig)
