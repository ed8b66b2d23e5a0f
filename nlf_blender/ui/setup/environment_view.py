# SPDX-License-Identifier: GPL-3.0-or-later
"""How the worker's environment is shown: its making, its check, and what to do next."""

from __future__ import annotations

import bpy

from ...bridge import install
from ...bridge.environment import has_bundled_wheels
from ...errors import UserError
from .. import places
from ..drawing import draw_text
from ..jobs.runtime import RUNTIME

ONLINE_HINT = "Allow Online Access in the preferences, under System, Network"


def draw_environment(layout: bpy.types.UILayout, context: bpy.types.Context, own: bool) -> None:
    """Buttons to make and check the environment, with what came of it. own: the user's own."""
    column = layout.column()
    column.use_property_split = False
    try:
        if not own:
            _draw_making(column, context)
    except UserError as error:  # no lock file: half of the extension is missing
        draw_text(column, context, f"{error.detail} {error.fix}", icon="ERROR")
    _draw_check(column, context)


def _draw_making(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    installation = RUNTIME.installation
    if installation is not None and RUNTIME.installing:
        progress = installation.progress
        layout.progress(factor=progress.fraction, text=progress.text)
        row = layout.row()
        row.operator("nlf.cancel_environment", icon="CANCEL")
        row.operator("nlf.open_log", icon="TEXT").path = str(installation.log)
        return
    ready = install.is_ready(places.environment_folder(), places.wheels())
    row = layout.row()
    if ready:
        row.label(text="Environment is ready", icon="CHECKMARK")
    text = "Create Again" if ready else "Create Environment"
    row.operator("nlf.create_environment", text=text, icon="IMPORT")
    if not (ready or bpy.app.online_access or has_bundled_wheels(places.wheels())):
        draw_text(layout, context, f"{ONLINE_HINT}, to create it.", icon="INFO")
    if installation is not None and installation.error is not None:
        box = layout.box()
        error = installation.error
        draw_text(box, context, f"{error.title}. {error.detail}", icon="ERROR")
        draw_text(box, context, error.fix, icon="FORWARD")
        box.operator("nlf.open_log", icon="TEXT").path = str(installation.log)


def _draw_check(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    row = layout.row()
    row.operator("nlf.check_environment", icon="VIEWZOOM")
    check = RUNTIME.check
    if check is None:
        return
    if check.items is None:
        row.label(text="Checking...", icon="TIME")
        return
    column = layout.column(align=True)
    for item in check.items:
        draw_text(
            column,
            context,
            f"{item.name}: {item.value}",
            icon="CHECKMARK" if item.ok else "ERROR",
        )
        if item.fix:
            draw_text(column, context, item.fix, icon="FORWARD")
