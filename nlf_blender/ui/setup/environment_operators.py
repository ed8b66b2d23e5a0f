# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for the worker's environment: make it, stop making it, check it, open preferences."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

from ...bridge.environment import has_bundled_wheels
from ...bridge.environment_check import EnvironmentCheck
from ...bridge.install import Installation
from ...errors import UserError
from .. import places
from ..jobs import job_pump
from ..jobs.runtime import RUNTIME, errors_reported
from .environment_view import ONLINE_HINT
from .preferences import preferences


class NLF_OT_create_environment(bpy.types.Operator):
    """Make a Python environment for the worker, in the extension's own folder, with PyTorch and what else it needs"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.create_environment"
    bl_label = "Create Environment"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One at a time, and not under a running job."""
        return not RUNTIME.installing and not RUNTIME.job_active

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Begin it."""
        with errors_reported(self):
            wheels = places.wheels()
            if not bpy.app.online_access and not has_bundled_wheels(wheels):
                raise UserError(
                    "Blender is offline",
                    "The environment's packages have to be downloaded.",
                    f"{ONLINE_HINT}, or name an interpreter that has the packages.",
                )
            if RUNTIME.session is not None:
                RUNTIME.session.free()  # it may run in the environment that is made anew
            RUNTIME.forget_check()
            RUNTIME.problem = None
            RUNTIME.installation = Installation(
                places.environment_folder(), Path(sys.executable), wheels
            )
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_cancel_environment(bpy.types.Operator):
    """Stop making the environment; what was downloaded is kept for the next time"""

    bl_idname = "nlf.cancel_environment"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Stop it at once."""
        if RUNTIME.installation is not None:
            RUNTIME.installation.cancel()
        return {"FINISHED"}


class NLF_OT_check_environment(bpy.types.Operator):
    """See whether the worker's Python, packages, device, model and body are in order"""

    bl_idname = "nlf.check_environment"
    bl_label = "Check"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One at a time."""
        return not RUNTIME.checking and not RUNTIME.installing

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Begin it."""
        with errors_reported(self):
            prefs = preferences(context)
            settings = context.scene.nlf.settings(prefs)
            RUNTIME.check = EnvironmentCheck(prefs.find_interpreter().path, settings)
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_preferences(bpy.types.Operator):
    """Open the extension's preferences"""

    bl_idname = "nlf.preferences"
    bl_label = "Preferences"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Show them."""
        bpy.ops.preferences.addon_show(module=places.PACKAGE)
        return {"FINISHED"}


CLASSES = (
    NLF_OT_create_environment,
    NLF_OT_cancel_environment,
    NLF_OT_check_environment,
    NLF_OT_preferences,
)
