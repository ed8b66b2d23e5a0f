# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel for scans: what is selected, how to register a body to it, how well that went."""

from __future__ import annotations

import bpy

from ..bridge.task import REGISTER
from ..scene import scan_objects
from ..scene.heatmap import HEAT_SWITCH
from ..scene.registration import DISTANCES, UNDETERMINED
from .drawing import draw_text
from .jobs.job_view import draw_job, draw_problem
from .selection import person_of


class NLF_PT_scan(bpy.types.Panel):
    """Register a body to a scan."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "NLF"
    bl_label = "Scan"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        if draw_job(layout, context, REGISTER):
            return
        _draw_settings(layout, context)
        draw_problem(layout, context, REGISTER)
        _draw_figures(layout, context)


def _draw_settings(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    properties = context.scene.nlf
    objects = scan_objects(context.view_layer)
    if not objects:
        draw_text(layout, context, "Select a scan: a mesh or a point cloud", icon="INFO")
    else:
        text = objects[0].name if len(objects) == 1 else f"{len(objects)} objects, joined"
        icon = "OUTLINER_OB_POINTCLOUD" if objects[0].type == "POINTCLOUD" else "OUTLINER_OB_MESH"
        layout.label(text=text, icon=icon, translate=False)
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(properties, "scan_partial")
    column.prop(properties, "scan_upright")
    column.prop(properties, "scan_units")
    row = layout.row()
    row.scale_y = 1.5
    row.operator("nlf.register_scan", icon="MOD_SHRINKWRAP")


def _draw_figures(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """How well the active person fits the scan that they were registered to."""
    person = person_of(context.object)
    if person is None or UNDETERMINED not in person.rig:
        return
    box = layout.box()
    box.label(text=person.rig.get("nlf_source", ""), icon="ARMATURE_DATA", translate=False)
    mean, median, p95 = (1000 * person.rig[key] for key in DISTANCES)
    column = box.column(align=True)
    for text, value in (("Mean Distance", mean), ("Median", median), ("95 % Below", p95)):
        row = column.row()
        row.label(text=text)
        right = row.row()
        right.alignment = "RIGHT"
        right.label(text=f"{value:.1f} mm")
    undetermined = person.rig[UNDETERMINED]
    if undetermined:
        draw_text(box, context, f"The scan says nothing of {undetermined}", icon="QUESTION")
    if person.heat is not None:
        heat = bool(person.heat[HEAT_SWITCH])
        box.operator("nlf.heatmap", text="Distance Heat Map", icon="COLOR", depress=heat)
