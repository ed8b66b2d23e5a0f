# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of an export or an import of markers: told to the user, or brought into the scene."""

from __future__ import annotations

import bpy

from ...errors import UserError
from ...protocol.marker_motion import read_marker_motion
from ...scene.markers.motion_import import import_motion
from ..jobs.runtime import RUNTIME
from ..redraw import tag_redraw
from .exchange_work import EXCHANGE, Arrival


def take_results() -> None:
    """Tell what there is to tell, and bring in what was read, as one undo step."""
    work = RUNTIME.exchange
    if work.notes:
        RUNTIME.notes, work.notes = work.notes, []
    if work.error is not None:
        error, work.error = work.error, None
        _fail(error)
    if work.arrival is not None:
        arrival, work.arrival = work.arrival, None
        try:
            _bring_in(arrival)
        except UserError as error:
            _fail(error)
        finally:
            arrival.folder.cleanup()
    tag_redraw()


def _bring_in(arrival: Arrival) -> None:
    scenes = bpy.data.scenes
    scene = next((s for s in scenes if s.session_uid == arrival.scene_uid), None)
    if scene is None:
        RUNTIME.notes = [f"Another file was opened meanwhile: import {arrival.file} again."]
        return
    result = import_motion(scene, read_marker_motion(arrival.content), arrival.options)
    count = len(result.markers)
    markers = f"{count} {'marker' if count == 1 else 'markers'}"
    RUNTIME.notes = [f"{arrival.file.name}: {markers} imported.", *result.notes]
    window = next((w for w in bpy.context.window_manager.windows if w.scene == scene), None)
    override = {"scene": scene} if window is None else {"window": window, "scene": scene}
    with bpy.context.temp_override(**override):
        bpy.ops.ed.undo_push(message="Import Markers")


def _fail(error: UserError) -> None:
    """Show an error in the panel, and in a window: it was begun in a menu, far from any panel."""
    RUNTIME.fail(error, EXCHANGE)
    manager = bpy.context.window_manager
    if not bpy.app.background and manager.windows:
        with bpy.context.temp_override(window=manager.windows[0]):
            manager.popup_menu(lambda menu, _: _draw(menu.layout, error), title=error.title)


def _draw(layout: bpy.types.UILayout, error: UserError) -> None:
    layout.label(text=error.detail, icon="ERROR", translate=False)
    layout.label(text=error.fix, icon="FORWARD", translate=False)
