# SPDX-License-Identifier: GPL-3.0-or-later
"""What a solution has no more is hidden, never removed, and shown as it was if it comes back."""

from __future__ import annotations

import bpy

DROPPED = "nlf_dropped"  # of a hidden object: whether it was hidden before, from renders and by eye


def hide_dropped(obj: bpy.types.Object) -> None:
    """Hide an object and remember whether it was; once only."""
    if DROPPED in obj:
        return
    obj[DROPPED] = [bool(obj.hide_render), bool(obj.hide_get())]
    obj.hide_render = True
    _hide(obj, hidden=True)


def show_again(obj: bpy.types.Object) -> None:
    """Show an object that was hidden for that reason as it was shown before."""
    if DROPPED not in obj:
        return
    render, view = obj[DROPPED]
    obj.hide_render = bool(render)
    _hide(obj, hidden=bool(view))
    del obj[DROPPED]


def _hide(obj: bpy.types.Object, *, hidden: bool) -> None:
    for scene in obj.users_scene:
        for layer in scene.view_layers:
            if obj.name in layer.objects:
                obj.hide_set(hidden, view_layer=layer)
