# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender is told about, in order. Each module names its CLASSES, and may have `register` and
`unregister` of its own for what is not a class."""

from __future__ import annotations

import bpy

from .ui import panels, properties, result_operators, scan_operators
from .ui.jobs import early_motion, job_operators, job_pump, queue_operators, queue_resume, runtime
from .ui.markers import (
    canonical_operators,
    collect_operators,
    drag_operator,
    exchange_export,
    exchange_import,
    exchange_menus,
    exchange_panel,
    job_panel,
    marker_operators,
    marker_panels,
    place_operators,
    presets,
    rig_operators,
    rig_panel,
    rig_properties,
    set_files,
    set_operators,
    settings,
    tool,
)
from .ui.markers import job_operators as marker_job_operators
from .ui.markers import overlay as marker_overlay
from .ui.markers import panel as marker_panel
from .ui.markers import properties as marker_properties
from .ui.markers import result_operators as marker_result_operators
from .ui.setup import environment_operators, file_operators, preferences, program_operators
from .ui.source import source_operators
from .ui.take import (
    box_operator,
    motion_operators,
    motion_panel,
    people_list,
    people_operators,
    preview,
    report_panel,
    solve_requests,
    take_properties,
    take_store,
)

# runtime comes first, so that it goes last: whatever is taken back before may still ask it.
MODULES = (
    runtime,
    properties,
    preferences,
    job_operators,
    source_operators,
    queue_operators,
    queue_resume,
    environment_operators,
    file_operators,
    program_operators,
    result_operators,
    scan_operators,
    take_store,
    take_properties,
    marker_properties,
    rig_properties,
    settings,
    set_operators,
    set_files,
    presets,
    collect_operators,
    rig_operators,
    marker_job_operators,
    marker_result_operators,
    canonical_operators,
    place_operators,
    drag_operator,
    marker_operators,
    tool,
    marker_overlay,
    exchange_export,
    exchange_import,
    exchange_menus,
    solve_requests,
    people_operators,
    box_operator,
    motion_operators,
    panels,
    people_list,
    motion_panel,
    report_panel,
    marker_panel,
    marker_panels,
    job_panel,
    rig_panel,
    exchange_panel,
    preview,
    early_motion,
    job_pump,
)


def register() -> None:
    """Make all modules known to Blender, in order."""
    for module in MODULES:
        for cls in getattr(module, "CLASSES", ()):
            bpy.utils.register_class(cls)
        if hasattr(module, "register"):
            module.register()


def unregister() -> None:
    """Take back what `register` did, in exactly the reverse order."""
    for module in reversed(MODULES):
        if hasattr(module, "unregister"):
            module.unregister()
        for cls in reversed(getattr(module, "CLASSES", ())):
            bpy.utils.unregister_class(cls)
