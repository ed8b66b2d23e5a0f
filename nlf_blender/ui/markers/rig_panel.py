# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel of the artist's own rig: localize it, and give it the motion."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...bridge.task import POINTS
from ...errors import UserError
from ...scene.rigs.motion_origin import is_outdated, playing_take
from ...scene.rigs.people import imported_rigs
from ..drawing import draw_text
from ..jobs.job_view import draw_problem
from ..take.take_store import STORE
from .panel import MarkersPanel
from .rig_operators import active_rig, person_of

OUTDATED = "This motion was solved again since: apply it again to have the new one."
HOW = "Select an armature that stands in the canonical body, with its bones in the limbs."


class NLF_PT_marker_rig(MarkersPanel, bpy.types.Panel):
    """A rig that is solved from its own joints and surface."""

    bl_label = "Your Rig"
    bl_parent_id = "NLF_PT_markers"
    bl_order = 2
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, rig = self.layout, active_rig(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        if rig is None:
            draw_text(layout, context, HOW, icon="ARMATURE_DATA")
            return
        row = layout.row(align=True)
        row.label(text=rig.name, icon="ARMATURE_DATA", translate=False)
        if rig.nlf_points.is_set:
            row.operator("nlf.remove_rig", text="", icon="X")
        _draw_choice(layout, rig)
        _draw_motion(layout, context, rig)
        draw_problem(layout, context, POINTS)


def _draw_choice(layout: bpy.types.UILayout, rig: bpy.types.Object) -> None:
    """How it is localized."""
    column = layout.column(align=True)
    column.prop(rig.nlf_points, "body")
    column.prop(rig.nlf_rig, "fingers")
    if rig.nlf_points.is_set:
        column.prop(rig.nlf_points, "localize")
        layout.operator("nlf.add_rig", text="Take Pose Again", icon="FILE_REFRESH")
    else:
        layout.operator("nlf.add_rig", icon="ADD")


def _draw_motion(
    layout: bpy.types.UILayout, context: bpy.types.Context, rig: bpy.types.Object
) -> None:
    """What motion it gets."""
    if not imported_rigs(context.scene):
        return
    column = layout.column(align=True)
    column.prop(rig.nlf_rig, "person")
    column.prop(rig.nlf_rig, "size")
    row = layout.row()
    row.enabled = person_of(context, rig) is not None
    row.operator("nlf.apply_rig", icon="ACTION")
    if _outdated(rig):
        draw_text(layout, context, OUTDATED, icon="ERROR")


def _outdated(rig: bpy.types.Object) -> bool:
    """Whether the take has another motion for a rig by now than the one that it plays."""
    take = playing_take(rig)
    try:
        return take is not None and is_outdated(rig, STORE.solution(take))
    except UserError:  # the take is gone: the panels Takes and Motion say so
        return False


CLASSES = (NLF_PT_marker_rig,)
