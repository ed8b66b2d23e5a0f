# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys a new solution may replace, as the Motion panel says."""

from __future__ import annotations

import bpy

from ...scene import UpdateOptions


def update_range(scene: bpy.types.Scene) -> tuple[int, int]:
    """The first and last scene frame that is to be solved again: the preview range, else all."""
    if scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end
    return scene.frame_start, scene.frame_end


def update_options(scene: bpy.types.Scene) -> UpdateOptions:
    """What to replace in this scene."""
    view = bpy.context.window_manager.nlf_take
    first, last = update_range(scene) if view.in_range else (None, None)
    return UpdateOptions(first=first, last=last, blend=view.blend, keep_keys=view.keep_keys)
