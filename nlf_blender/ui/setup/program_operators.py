# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for model files that are programs: allow one to run, forget that, convert it."""

from __future__ import annotations

import bpy

from ...bridge.inspection import FileReport, conversion
from ...protocol.settings import CONSENT_NEEDED
from .. import places
from ..drawing import DIALOG_WIDTH, draw_text
from ..jobs import job_pump
from ..jobs.problem import FILES
from ..jobs.runtime import RUNTIME, errors_reported
from ..redraw import tag_redraw
from .file_work import MODEL
from .preferences import preferences


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
            self,
            width=DIALOG_WIDTH,
            title="Allow This Program?",
            confirm_text="Allow",
            cancel_default=True,
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
        if RUNTIME.problem is not None and RUNTIME.problem.error.title == CONSENT_NEEDED:
            RUNTIME.problem = None
        tag_redraw()
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
        tag_redraw()
        return {"FINISHED"}


class NLF_OT_convert_model(bpy.types.Operator):
    """Save the model's weights and all that they need as one safetensors file, which holds no program, and use that from now on. This file stays as it is"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.convert_model"
    bl_label = "Convert"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One at a time, and only what may run."""
        report, prefs = _program(context), preferences(context)
        if report is None and prefs.may_be_program() and not prefs.trusted:
            cls.poll_message_set("Examine the file first, and allow the program in it")
            return False
        if report is not None and report.sha256 not in prefs.trusted_hashes():
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
            RUNTIME.files.source, RUNTIME.files.converted = file, target
            RUNTIME.files.conversion = conversion(
                python, file, target, prefs.trusted_hashes(), data
            )
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


def _program(context: bpy.types.Context) -> FileReport | None:
    """What is known of the chosen model, if it was examined and is a program."""
    report = RUNTIME.files.report(MODEL, preferences(context).model_file())
    return report if report is not None and report.needs_consent else None


CLASSES = (NLF_OT_allow_program, NLF_OT_forget_program, NLF_OT_convert_model)
