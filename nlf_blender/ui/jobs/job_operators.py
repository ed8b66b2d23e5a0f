# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators around results: bring a saved take in, deal with what went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ...protocol import registration, take
from .. import places
from .importing import import_now
from .runtime import RUNTIME, errors_reported

LAYOUTS = (take.LAYOUT, registration.LAYOUT)
INFO_FILES = ";".join(layout.info_file for layout in LAYOUTS)


class NLF_OT_import_take(bpy.types.Operator):
    """Import a saved folder of people (.take) or of a scan's body (.registration); needs no worker"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.import_take"
    bl_label = "Import Take"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
    filename: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default=INFO_FILES, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Let the user choose a result, beginning where they go."""
        self.directory = str(context.scene.nlf.takes_folder()) + "/"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Import it."""
        with errors_reported(self):
            RUNTIME.notes = import_now(context.scene, [self.take_folder()])
            RUNTIME.problem = None
            return {"FINISHED"}
        return {"CANCELLED"}

    def take_folder(self) -> Path:
        """The chosen folder: the one entered, or the one selected in the list."""
        folder = places.absolute(self.directory)
        selected = folder / self.filename
        suffixes = tuple(layout.suffix for layout in LAYOUTS)
        return selected if self.filename.endswith(suffixes) and selected.is_dir() else folder


class NLF_OT_dismiss(bpy.types.Operator):
    """Close this message"""

    bl_idname = "nlf.dismiss"
    bl_label = "Close"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Forget the error and the notes."""
        RUNTIME.problem, RUNTIME.notes = None, []
        return {"FINISHED"}


class NLF_OT_copy_details(bpy.types.Operator):
    """Copy the message and the end of the log, to paste into a report"""

    bl_idname = "nlf.copy_details"
    bl_label = "Copy Details"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put the texts on the clipboard."""
        context.window_manager.clipboard = RUNTIME.details()
        return {"FINISHED"}


class NLF_OT_open_log(bpy.types.Operator):
    """Open the log"""

    bl_idname = "nlf.open_log"
    bl_label = "Open Log"

    path: bpy.props.StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Open it with the system's program for text files."""
        if not Path(self.path).is_file():
            self.report({"WARNING"}, f"There is no log at {self.path}")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=self.path)
        return {"FINISHED"}


CLASSES = (
    NLF_OT_import_take,
    NLF_OT_dismiss,
    NLF_OT_copy_details,
    NLF_OT_open_log,
)
