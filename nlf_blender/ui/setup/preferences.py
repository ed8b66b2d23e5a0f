# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences: the worker's Python, the model, the body, the device."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...bridge.environment import Interpreter, find_interpreter
from ...errors import UserError
from ...protocol.settings import DEVICES
from .. import places
from ..jobs.job_view import draw_problem
from ..jobs.problem import FILES
from ..jobs.runtime import RUNTIME
from .body_view import draw_body
from .environment_view import draw_environment
from .file_choice import FileChoice, NLF_TrustedFile
from .file_work import MODEL
from .model_view import draw_model

INTERPRETER_ITEMS = (
    ("MADE", "Made by the Extension", "An environment that Create Environment makes"),
    ("NAMED", "My Own", "An interpreter or environment of yours that has the packages"),
)
DEVICE_NAMES = {"auto": "Automatic", "cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"}
DEVICE_ITEMS = tuple((name, DEVICE_NAMES[name], "") for name in DEVICES)


def _forget_check(self: NLF_Preferences, context: bpy.types.Context) -> None:
    RUNTIME.forget_check()
    RUNTIME.preferences_changed()


class NLF_Preferences(FileChoice, bpy.types.AddonPreferences):
    """Preferences of the extension."""

    bl_idname = places.PACKAGE

    interpreter: bpy.props.EnumProperty(
        name="Python",
        description="Whose Python runs the worker",
        items=INTERPRETER_ITEMS,
        update=_forget_check,
    )
    interpreter_path: bpy.props.StringProperty(
        name="Interpreter",
        description="A Python interpreter, or the folder of a conda or virtual environment",
        subtype="FILE_PATH",
        update=_forget_check,
    )
    device: bpy.props.EnumProperty(
        name="Device",
        description="What the model runs on; Automatic takes a GPU if there is one",
        items=DEVICE_ITEMS,
    )

    def named_interpreter(self) -> str:
        """The path of the user's own interpreter; empty for the extension's environment."""
        if self.interpreter == "MADE":
            return ""
        if not self.interpreter_path:
            raise UserError(
                "No interpreter named",
                "The preferences say that you have an interpreter of your own, but not which.",
                "Name it there, or choose Made by the Extension.",
            )
        return str(places.absolute(self.interpreter_path))

    def find_interpreter(self) -> Interpreter:
        """The worker's interpreter. UserError, with what to do, if there is none."""
        return find_interpreter(
            self.named_interpreter(), places.environment_folder(), places.wheels()
        )

    def chosen_file(self, what: str) -> Path:
        """The file of the chosen model or body. UserError if it is not there, or is the
        extension's own, of which everything is known."""
        file = self.model_file() if what == MODEL else self.body_file()
        if file is None:
            name = self.model_name() if what == MODEL else self.body_name()
            raise UserError(
                "Nothing to do",
                f"The {name} {what.lower()} is the extension's own.",
                "Choose a file first.",
            )
        return file

    def examine(self, what: str) -> None:
        """Begin to examine the chosen model or body. UserError if it cannot begin."""
        data = self.model_data_name() if what == MODEL else ""
        file, python = self.chosen_file(what), self.find_interpreter().path
        RUNTIME.files.inspect(what, python, file, data)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the preferences."""
        draw_preferences(self.layout, context, self)


def draw_preferences(
    layout: bpy.types.UILayout, context: bpy.types.Context, prefs: NLF_Preferences
) -> None:
    """The sections in the order in which they are set up."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    draw_problem(layout, context, FILES)
    worker = _section(layout, "Worker", "CONSOLE")
    worker.row().prop(prefs, "interpreter", expand=True)
    if prefs.interpreter == "NAMED":
        worker.prop(prefs, "interpreter_path")
    draw_environment(worker, context, own=prefs.interpreter == "NAMED")
    worker.prop(prefs, "device")
    draw_model(_section(layout, "Model", "OUTLINER_OB_LIGHTPROBE"), context, prefs)
    draw_body(_section(layout, "Body", "OUTLINER_OB_ARMATURE"), context, prefs)


def _section(layout: bpy.types.UILayout, title: str, icon: str) -> bpy.types.UILayout:
    box = layout.box()
    box.label(text=title, icon=icon)
    return box


def preferences(context: bpy.types.Context) -> NLF_Preferences:
    """The extension's preferences."""
    return context.preferences.addons[places.PACKAGE].preferences


CLASSES = (NLF_TrustedFile, NLF_Preferences)
