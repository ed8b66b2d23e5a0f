# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Blender to draw again what shows the state of things."""

from __future__ import annotations

import bpy

_SHOWING = {"VIEW_3D": "UI", "PREFERENCES": "WINDOW"}


def tag_redraw() -> None:
    """Mark the sidebars and the preferences of all windows."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if region.type == _SHOWING.get(area.type):
                    region.tag_redraw()
