# SPDX-License-Identifier: GPL-3.0-or-later
"""Localizing markers and meshes in a take that is there, and removing them from it."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy

from ...bridge.task import POINTS, points_task
from .. import places
from ..jobs import job_pump
from ..jobs.runtime import RUNTIME, errors_reported
from ..setup.preferences import preferences
from .job_sets import chosen_owners, write_sets
from .job_take import markers_take, needs_source, points_under_way


class _OnTake:
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a take, and no such job of it."""
        take = markers_take(context)
        if take is None:
            cls.poll_message_set("Select a person or a camera that was imported from a take")
            return False
        if points_under_way(take) is not None:
            cls.poll_message_set("Points are being localized in this take")
            return False
        return True


class NLF_OT_localize_markers(_OnTake, bpy.types.Operator):
    """Localize the checked marker sets and meshes in this take: only what is missing is run. Asks for the source if it has moved and is needed"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.localize_markers"
    bl_label = "Localize Markers"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"SKIP_SAVE", "HIDDEN"})
    filter_image: bpy.props.BoolProperty(default=True, options={"SKIP_SAVE", "HIDDEN"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a take, and something to localize."""
        if not super().poll(context):
            return False
        if not chosen_owners(context.scene):
            cls.poll_message_set("Check a marker set or a mesh in the list")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the source if it is needed and not where it was."""
        if needs_source(markers_take(context)):
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put the job in line."""
        with errors_reported(self, POINTS):
            source = places.absolute(self.filepath) if self.filepath else None
            notes = _submit(context, markers_take(context), source)
            RUNTIME.notes += notes
            return {"FINISHED"}
        return {"CANCELLED"}


def _submit(context: bpy.types.Context, take: Path, source: Path | None) -> list[str]:
    """Put the job in line. Returns what the user should know. UserError if it cannot be."""
    prefs = preferences(context)
    python = prefs.find_interpreter().path
    try:
        scratch = places.scratch_folder()
    except OSError as error:
        raise places.not_handed_over("marker set", error) from error
    try:
        paths, notes = write_sets(context.scene, chosen_owners(context.scene), scratch)
        files, folders = [Path(path) for path in paths], prefs.body_folders()
        task = points_task(take, files, scratch=scratch, source=source, body_folders=folders)
        RUNTIME.submit(python, task, context.scene)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    job_pump.start()
    return notes


class NLF_OT_remove_take_set(_OnTake, bpy.types.Operator):
    """Remove this set from the take, and what it became in the scene. The marker set stays"""

    bl_idname = "nlf.remove_take_set"
    bl_label = "Remove from Take"

    name: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        title = f"Remove '{self.name}' from {markers_take(context).stem}?"
        return context.window_manager.invoke_confirm(self, event, title=title)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put the job in line."""
        with errors_reported(self, POINTS):
            python = preferences(context).find_interpreter().path
            task = points_task(markers_take(context), [], remove=[self.name])
            RUNTIME.submit(python, task, context.scene)
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (NLF_OT_localize_markers, NLF_OT_remove_take_set)
