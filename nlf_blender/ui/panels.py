# SPDX-License-Identifier: GPL-3.0-or-later
"""The NLF tab of the 3D viewport's sidebar: panels in the order of work."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..bridge.task import LOCALIZE
from ..errors import UserError
from ..scene.heatmap import HEAT_SWITCH
from ..scene.markers.point_sets import owners
from .drawing import draw_text
from .jobs.job_view import draw_job, draw_problem
from .jobs.queue_view import draw_queue, draw_unfinished
from .jobs.runtime import RUNTIME
from .markers.job_sets import draw_owners
from .result_operators import PART_ITEMS
from .scan_panel import NLF_PT_scan
from .selection import is_rig, person_of
from .setup.preferences import preferences
from .source.source_view import draw_camera, draw_source


class _Panel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "NLF"


class NLF_PT_source(_Panel, bpy.types.Panel):
    """What is localized, and through which camera it was seen."""

    bl_label = "Source"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, properties = self.layout, context.scene.nlf
        layout.use_property_split = True
        layout.use_property_decorate = False
        draw_source(layout, context.scene)
        layout.separator()
        draw_camera(layout, context.scene)
        layout.separator()
        layout.prop(properties, "takes", placeholder="automatic")


class NLF_PT_localize(_Panel, bpy.types.Panel):
    """Start a job, follow it, cancel it."""

    bl_label = "Localize"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        running = draw_job(layout, context, LOCALIZE)
        if not running:
            _draw_settings(layout, context)
        draw_problem(layout, context, LOCALIZE)
        row = layout.row(align=True)
        if running:
            row.operator("nlf.localize", text="Add Source", icon="ADD")
        row.operator("nlf.add_files", text="Add Files", icon="FILE_FOLDER")
        draw_queue(layout, context)
        draw_unfinished(layout, context)


def _draw_settings(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    properties = context.scene.nlf
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(properties, "max_people")
    column.prop(properties, "augmentations")
    column.prop(properties, "keep_features")
    if owners(context.scene):
        box = layout.box()
        box.label(text="Markers")
        draw_owners(box, context.scene)
    row = layout.row()
    row.scale_y = 1.5
    row.operator("nlf.localize", icon="PLAY")


class NLF_PT_result(_Panel, bpy.types.Panel):
    """What was imported."""

    bl_label = "Result"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        if RUNTIME.notes:
            box = layout.box()
            row = box.row()
            column = row.column()
            for note in RUNTIME.notes:
                draw_text(column, context, note, icon="INFO", beside=1)
            row.operator("nlf.dismiss", text="", icon="X", emboss=False)
        if any(is_rig(obj) for obj in context.scene.objects):
            layout.template_list(
                "NLF_UL_people", "", bpy.data, "objects", context.scene.nlf, "person_index", rows=3
            )
            _draw_person(layout, context)
        layout.operator("nlf.import_take", icon="IMPORT")


def _draw_person(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    person = person_of(context.object)
    if person is None:
        layout.label(text="Select a person to show their parts", icon="INFO")
        return
    row = layout.row(align=True)
    for part, name, _ in PART_ITEMS:
        obj = getattr(person, part)
        shown = obj is not None and obj.visible_get()
        cell = row.row(align=True)
        cell.enabled = obj is not None
        icon = "HIDE_OFF" if shown else "HIDE_ON"
        cell.operator("nlf.show_part", text=name, icon=icon, depress=shown).part = part
    if person.points is not None:
        heat = bool(person.points[HEAT_SWITCH])
        layout.operator("nlf.heatmap", text="Uncertainty Heat Map", icon="COLOR", depress=heat)


class NLF_PT_import(_Panel, bpy.types.Panel):
    """How results are imported: of jobs, of saved takes, of scans."""

    bl_label = "Import Options"
    bl_parent_id = "NLF_PT_result"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, properties = self.layout, context.scene.nlf
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(properties, "bone_names")
        layout.prop(properties, "rest_pose")
        layout.prop(properties, "hands")
        layout.separator()
        for name in (
            "time_mode",
            "root_bone",
            "in_place",
            "timeline_markers",
            "gap_metres",
            "fill_gaps",
        ):
            layout.prop(properties, name)


class NLF_PT_worker(_Panel, bpy.types.Panel):
    """The state of the worker."""

    bl_label = "Worker"
    bl_order = 1  # under those of footage, which are registered later
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        if RUNTIME.installing and RUNTIME.installation is not None:
            progress = RUNTIME.installation.progress
            layout.progress(factor=progress.fraction, text=progress.text)
            layout.operator("nlf.cancel_environment", icon="CANCEL")
            return
        try:
            preferences(context).find_interpreter()
        except UserError as error:
            draw_text(layout, context, error.title, icon="ERROR")
            draw_text(layout, context, error.fix, icon="FORWARD")
        else:
            session = RUNTIME.session
            if session is not None and session.is_warm(LOCALIZE):
                layout.label(text="Ready: the model is loaded", icon="CHECKMARK")
            elif RUNTIME.worker_alive:
                layout.label(text="Started", icon="TIME")
            else:
                layout.label(text="Starts with the next job", icon="TIME")
        layout.operator("nlf.free_memory", icon="TRASH")
        layout.operator("nlf.preferences", icon="PREFERENCES")


CLASSES = (NLF_PT_source, NLF_PT_localize, NLF_PT_scan, NLF_PT_result, NLF_PT_import, NLF_PT_worker)
