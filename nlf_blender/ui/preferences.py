# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences: the worker's Python, the model, the body, the device."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..bridge.environment import Interpreter, find_interpreter
from ..errors import UserError
from ..protocol.settings import DEVICES
from . import places
from .environment_view import draw_environment
from .runtime import RUNTIME

INTERPRETER_ITEMS = (
    ("MADE", "Made by the Extension", "An environment that Create Environment makes"),
    ("NAMED", "My Own", "An interpreter or environment of yours that has the packages"),
)
DEVICE_NAMES = {"auto": "Automatic", "cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"}
DEVICE_ITEMS = tuple((name, DEVICE_NAMES[name], "") for name in DEVICES)


def _forget_check(self: NLF_Preferences, context: bpy.types.Context) -> None:
    RUNTIME.forget_check()


class NLF_Preferences(bpy.types.AddonPreferences):
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
    model: bpy.props.StringProperty(
        name="Model",
        description="An NLF checkpoint. Empty: the model that comes with the extension",
        subtype="FILE_PATH",
    )
    body: bpy.props.StringProperty(
        name="Body",
        description="An SMPL-family body file. Empty: the open body that comes with the extension",
        subtype="FILE_PATH",
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

    def model_name(self) -> str:
        """The model as settings name it. UserError if the file is not there."""
        return _file_or(self.model, "default", "model")

    def body_name(self) -> str:
        """The body as settings name it. UserError if the file is not there."""
        return _file_or(self.body, "open", "body")

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.row().prop(self, "interpreter", expand=True)
        if self.interpreter == "NAMED":
            layout.prop(self, "interpreter_path")
        draw_environment(layout, context, own=self.interpreter == "NAMED")
        layout.separator()
        layout.prop(self, "model", placeholder="the extension's own")
        if Path(self.model).suffix.lower() in (".torchscript", ".jit"):
            layout.label(text="A TorchScript file is code: load only one you trust", icon="ERROR")
        layout.prop(self, "body", placeholder="the open body")
        layout.prop(self, "device")


def _file_or(path: str, default: str, what: str) -> str:
    if not path:
        return default
    file = places.absolute(path)
    if not file.is_file():
        raise UserError(
            f"No such {what}", f"{file} is not a file.", f"Correct the {what} in the preferences."
        )
    return str(file)


def preferences(context: bpy.types.Context) -> NLF_Preferences:
    """The extension's preferences."""
    return context.preferences.addons[places.PACKAGE].preferences


CLASSES = (NLF_Preferences,)
