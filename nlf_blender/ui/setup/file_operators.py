# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for model and body files: get, examine, choose from a folder."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...bridge import releases
from ...bridge.download import Download
from ...errors import UserError
from .. import places
from ..drawing import DIALOG_WIDTH, draw_text
from ..jobs import job_pump
from ..jobs.problem import FILES
from ..jobs.runtime import RUNTIME, errors_reported
from ..redraw import tag_redraw
from .environment_view import ONLINE_HINT
from .file_work import BODY, MODEL
from .preferences import preferences

WHAT_ITEMS = ((MODEL, "Model", ""), (BODY, "Body", ""))
WORK_ITEMS = (("DOWNLOAD", "Download", ""), ("CONVERSION", "Conversion", ""))


class NLF_OT_download(bpy.types.Operator):
    """Download this file of an official release, after its licence was shown and accepted"""

    bl_idname = "nlf.download"
    bl_label = "Download"

    key: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    accepted: bpy.props.BoolProperty(name="I accept the licence", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One at a time, and only where the user lets Blender go online."""
        if not bpy.app.online_access:
            cls.poll_message_set(ONLINE_HINT)
            return False
        return not RUNTIME.files.downloading

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show the licence."""
        return context.window_manager.invoke_props_dialog(
            self, width=DIALOG_WIDTH, title="Download", confirm_text="Download"
        )

    def draw(self, context: bpy.types.Context) -> None:
        """What is downloaded, from where to where, on which terms."""
        release, layout = releases.BY_KEY[self.key], self.layout
        size = f", about {release.megabytes:.0f} MB" if release.megabytes else ""
        for text, icon in (
            (f"{release.name}{size}", "IMPORT"),
            (f"From {release.address}", "URL"),
            (f"To {places.models_folder()}", "FILE_FOLDER"),
            (f"Licence: {release.license}. See the page of the release.", "INFO"),
        ):
            draw_text(layout, context, text, icon=icon, width=DIALOG_WIDTH)
        layout.prop(self, "accepted")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Begin it."""
        with errors_reported(self, FILES):
            release = releases.BY_KEY[self.key]
            if not self.accepted:
                raise UserError(
                    "Licence not accepted",
                    f"{release.name} is for {release.license}.",
                    "Click Download again and accept the licence, or use the default model.",
                )
            RUNTIME.problem = None
            RUNTIME.files.download = Download(
                release, places.models_folder(), places.python_program()
            )
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_cancel_files(bpy.types.Operator):
    """Stop it; what was downloaded so far is kept, and the next download goes on from there"""

    bl_idname = "nlf.cancel_files"
    bl_label = "Cancel"

    what: bpy.props.EnumProperty(items=WORK_ITEMS, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Stop it at once."""
        work = RUNTIME.files.download if self.what == "DOWNLOAD" else RUNTIME.files.conversion
        if work is not None:
            work.cancel()
        tag_redraw()
        return {"FINISHED"}


class NLF_OT_examine(bpy.types.Operator):
    """See what this file is, on which terms it may be used, and what it lacks. Runs no code that it may hold"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.examine"
    bl_label = "Examine"

    what: bpy.props.EnumProperty(items=WHAT_ITEMS, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Begin it."""
        with errors_reported(self, FILES):
            preferences(context).examine(self.what)
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


def _found_items(
    self: NLF_OT_choose_body, context: bpy.types.Context | None
) -> list[tuple[str, str, str]]:
    folder = preferences(context or bpy.context).body_folder
    return RUNTIME.files.bodies.items(places.absolute(folder)) if folder else []


class NLF_OT_choose_body(bpy.types.Operator):
    """Choose one of the bodies in the folder"""

    bl_idname = "nlf.choose_body"
    bl_label = "Choose Body"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    body: bpy.props.EnumProperty(name="Body", items=_found_items, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Note its path."""
        preferences(context).body_found = self.body
        return {"FINISHED"}


class NLF_OT_search_bodies(bpy.types.Operator):
    """Look again for body files in this folder"""

    bl_idname = "nlf.search_bodies"
    bl_label = "Search Again"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Let the next drawing search."""
        RUNTIME.files.bodies.forget()
        return {"FINISHED"}


CLASSES = (
    NLF_OT_download,
    NLF_OT_cancel_files,
    NLF_OT_examine,
    NLF_OT_choose_body,
    NLF_OT_search_bodies,
)
