# SPDX-License-Identifier: GPL-3.0-or-later
"""The NLF tab of the 3D viewport's sidebar: panels in the order of work."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..bridge.task import LOCALIZE
from ..errors import UserError
from ..scene.heatmap import HEAT_SWITCH
from .drawing import draw_text, duration
from .importing import hindrance
from .preferences import preferences
from .result_operators import PART_ITEMS
from .runtime import RUNTIME, Problem
from .selection import is_rig, person_of


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
        layout.prop(properties, "source", placeholder="choose a photo")
        layout.prop(properties, "camera")
        if properties.camera == "FOV":
            layout.prop(properties, "fov")
        elif properties.camera == "FOCAL":
            layout.prop(properties, "focal_px")
        layout.prop(properties, "takes", placeholder="automatic")


class NLF_PT_localize(_Panel, bpy.types.Panel):
    """Start a job, follow it, cancel it."""

    bl_label = "Localize"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        if RUNTIME.job_active:
            _draw_running(layout, context)
            return
        if RUNTIME.to_import:
            draw_text(layout, context, f"Done. Import waits for {hindrance()}.", icon="TIME")
            layout.operator("nlf.cancel", icon="CANCEL")
            return
        _draw_settings(layout, context)
        if RUNTIME.problem is not None:
            _draw_problem(layout, context, RUNTIME.problem)


def _draw_settings(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    properties = context.scene.nlf
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(properties, "max_people")
    column.prop(properties, "augmentations")
    row = layout.row()
    row.scale_y = 1.5
    row.operator("nlf.localize", icon="PLAY")


def _draw_running(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    job = RUNTIME.job
    if job is None:
        return
    steps = f" {job.done}/{job.total}" if job.total > 1 else ""
    layout.progress(factor=job.fraction, text=f"{job.stage}{steps}")
    row = layout.row()
    people = "person" if job.people == 1 else "people"
    row.label(text=f"{job.people} {people} found" if job.people else "Looking for people")
    if job.seconds_left is not None:
        right = row.row()
        right.alignment = "RIGHT"
        right.label(text=f"about {duration(job.seconds_left)} left")
    row = layout.row()
    row.scale_y = 1.5
    row.operator("nlf.cancel", icon="CANCEL")


def _draw_problem(layout: bpy.types.UILayout, context: bpy.types.Context, problem: Problem) -> None:
    box = layout.box()
    header = box.row()
    title = header.row()
    title.alert = True
    title.label(text=problem.error.title, icon="ERROR", translate=False)
    header.operator("nlf.dismiss", text="", icon="X", emboss=False)
    draw_text(box, context, problem.error.detail)
    draw_text(box, context, problem.error.fix, icon="FORWARD")
    row = box.row(align=True)
    if problem.log is not None:
        row.operator("nlf.open_log", text="Log", icon="TEXT").path = str(problem.log)
    row.operator("nlf.copy_details", text="Copy", icon="COPYDOWN")
    row.operator("nlf.preferences", text="", icon="PREFERENCES")


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
    heat = person.points is not None and bool(person.points[HEAT_SWITCH])
    layout.operator("nlf.heatmap", icon="COLOR", depress=heat)


class NLF_PT_worker(_Panel, bpy.types.Panel):
    """The state of the worker."""

    bl_label = "Worker"
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


CLASSES = (NLF_PT_source, NLF_PT_localize, NLF_PT_result, NLF_PT_worker)
