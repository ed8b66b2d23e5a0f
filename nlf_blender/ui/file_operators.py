# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for model and body files: get, examine, allow, forget, convert."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..bridge import releases
from ..bridge.download import Download
from ..bridge.inspection import FileReport, conversion
from ..errors import UserError
from . import job_pump, places
from .drawing import draw_text
from .environment_view import ONLINE_HINT
from .file_work import BODY, MODEL
from .preferences import preferences
from .runtime import FILES, RUNTIME, errors_reported

DIALOG_WIDTH = 520
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
                    f"{release.name} is for {release.license[0].lower()}{release.license[1:]}.",
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


class NLF_OT_allow_program(bpy.types.Operator):
    """Agree that the program in this file may run on your computer"""

    bl_idname = "nlf.allow_program"
    bl_label = "Allow"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The file was examined, and is a program."""
        if _program(context) is None:
            cls.poll_message_set("Examine the file first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask."""
        return context.window_manager.invoke_props_dialog(
            self, width=DIALOG_WIDTH, title="Allow This Program?", confirm_text="Allow"
        )

    def draw(self, context: bpy.types.Context) -> None:
        """What is agreed to."""
        report = _program(context)
        if report is None:
            return
        warning = (
            "This file holds a program. It will run with your rights: it could read, change and "
            "send your files. Allow it only if you trust where it came from."
        )
        for text, icon in (
            (warning, "ERROR"),
            (str(report.path), "FILE"),
            (f"SHA-256 {report.sha256}", "KEYINGSET"),
            ("Remembered for this very content: a changed file will ask again.", "INFO"),
        ):
            draw_text(self.layout, context, text, icon=icon, width=DIALOG_WIDTH)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remember it."""
        report, prefs = _program(context), preferences(context)
        if report is None:
            return {"CANCELLED"}
        if report.sha256 not in prefs.trusted_hashes():
            item = prefs.trusted.add()
            item.name, item.sha256 = report.path.name, report.sha256
        if RUNTIME.problem is not None and RUNTIME.problem.error.title == "Consent needed":
            RUNTIME.problem = None
        return {"FINISHED"}


class NLF_OT_forget_program(bpy.types.Operator):
    """Take back that this program may run"""

    bl_idname = "nlf.forget_program"
    bl_label = "Forget"

    sha256: bpy.props.StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Forget it."""
        prefs = preferences(context)
        hashes = prefs.trusted_hashes()
        if self.sha256 in hashes:
            prefs.trusted.remove(hashes.index(self.sha256))
        return {"FINISHED"}


class NLF_OT_convert_model(bpy.types.Operator):
    """Save the model's weights and all that they need as one safetensors file, which holds no program, and use that from now on. This file stays as it is"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.convert_model"
    bl_label = "Convert"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One at a time, and only what may run."""
        report = _program(context)
        if report is not None and report.sha256 not in preferences(context).trusted_hashes():
            cls.poll_message_set("Allow the program first: it is run once to convert it")
            return False
        return not RUNTIME.files.converting

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Begin it."""
        with errors_reported(self, FILES):
            prefs = preferences(context)
            file = prefs.chosen_file(MODEL)
            target = places.models_folder() / f"{file.stem}.safetensors"
            python, data = prefs.find_interpreter().path, prefs.model_data_name()
            RUNTIME.problem = None
            RUNTIME.files.converted = target
            RUNTIME.files.conversion = conversion(
                python, file, target, prefs.trusted_hashes(), data
            )
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_search_bodies(bpy.types.Operator):
    """Look again for body files in this folder"""

    bl_idname = "nlf.search_bodies"
    bl_label = "Search Again"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Let the next drawing search."""
        RUNTIME.files.bodies.forget()
        return {"FINISHED"}


def _program(context: bpy.types.Context) -> FileReport | None:
    """What is known of the chosen model, if it was examined and is a program."""
    report = RUNTIME.files.report(MODEL, preferences(context).model_file())
    return report if report is not None and report.needs_consent else None


CLASSES = (
    NLF_OT_download,
    NLF_OT_cancel_files,
    NLF_OT_examine,
    NLF_OT_allow_program,
    NLF_OT_forget_program,
    NLF_OT_convert_model,
    NLF_OT_search_bodies,
)
