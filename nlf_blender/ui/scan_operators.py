# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that registers a body to the selected scan."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..bridge.task import REGISTER, Task, register_task
from ..protocol.scan import file_name, write_scan
from ..protocol.scan_settings import ScanSettings
from ..scene import read_scene_scan, scan_objects
from . import places
from .jobs import job_pump
from .jobs.runtime import RUNTIME, errors_reported
from .setup.preferences import preferences


class NLF_OT_register_scan(bpy.types.Operator):
    """Fit the body to the selected scan: a mesh or a point cloud of a person, whatever its pose and heading. The scan stays as it is"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.register_scan"
    bl_label = "Register Body"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A scan is selected, in object mode, and no job is under way."""
        if RUNTIME.job_active or RUNTIME.to_import:
            cls.poll_message_set("A job is under way")
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set("Only in object mode, where the scan is what it looks like")
            return False
        if not scan_objects(context.view_layer):
            cls.poll_message_set("Select a scan: a mesh or a point cloud")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Read the scan, collect the settings and hand the job over."""
        with errors_reported(self, REGISTER):
            properties, prefs = context.scene.nlf, preferences(context)
            settings = properties.scan_settings(prefs)
            python = prefs.find_interpreter().path
            out = places.writable_folder(properties.takes_folder())
            RUNTIME.submit(python, scan_task(context, out, settings), context.scene)
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


def scan_task(context: bpy.types.Context, out: Path, settings: ScanSettings) -> Task:
    """The job for the selected scan, its points written where the worker finds them. UserError."""
    scan = read_scene_scan(context.evaluated_depsgraph_get(), scan_objects(context.view_layer))
    try:
        scratch = places.scratch_folder()
        path = scratch / f"{file_name(scan.name)}.npz"
        write_scan(path, scan)
    except OSError as error:
        raise places.not_handed_over("scan", error) from error
    return register_task(path, out, settings, scratch)


CLASSES = (NLF_OT_register_scan,)
