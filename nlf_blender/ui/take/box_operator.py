# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawing a box around a person whom the detector missed, in the camera's view."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...bridge.task import BOXES, SOMEBODY_NEW, HandBox
from ...errors import UserError
from ...protocol.settings import Box
from ...protocol.take import WHOLE, SourceInfo
from ...scene.footage.objects import take_collection, take_folder
from ...scene.footage.options import CAMERA
from ..jobs.runtime import errors_reported
from .active_take import ActiveTake, active_take
from .camera_frame import Frame, camera_frame, has_aspect, source_box
from .overlay import Overlay, draw_lines
from .people_operators import can_edit, current_source_frame
from .solve_requests import REQUESTS
from .take_store import STORE

BOX_COLOR = (1.0, 0.75, 0.1, 1.0)
BOX_WIDTH = 2.0
HINT = "Drag a box around the person, head to feet. Esc or right click: cancel"
PASSED_ON = {"MIDDLEMOUSE", "WHEELUPMOUSE", "WHEELDOWNMOUSE", "TRACKPADPAN", "TRACKPADZOOM"}


class NLF_OT_draw_box(bpy.types.Operator):
    """Drag a box around a person in the current frame, where the detector failed; only what it shows is localized"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.draw_box"
    bl_label = "Draw Box"
    bl_options: ClassVar[set[str]] = {"BLOCKING"}

    person: bpy.props.IntProperty(default=SOMEBODY_NEW, options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a whole take, seen through its camera."""
        take = can_edit(cls, context)
        if take is None:
            return False
        if context.area is None or context.area.type != "VIEW_3D":
            cls.poll_message_set("Only in a 3D View")
            return False
        try:
            whole = STORE.info(take.folder).state == WHOLE
        except UserError as error:
            cls.poll_message_set(error.detail)
            return False
        if not whole:
            cls.poll_message_set("Localize the whole take first: resume its job")
            return False
        if not is_camera_of(context.scene.camera, take):
            cls.poll_message_set("Make the camera of the take the scene's camera")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Look through the camera and wait for the drag."""
        take = active_take(context)
        if take is None:
            return {"CANCELLED"}
        with errors_reported(self, BOXES):
            self._take = take
            self._source = STORE.info(take.folder).source
            self._region = None
            self._start = self._end = (0.0, 0.0)
            context.space_data.region_3d.view_perspective = "CAMERA"
            context.workspace.status_text_set(HINT)
            self._overlay = Overlay("POST_PIXEL", self._draw)
            self._overlay.show()
            context.window.cursor_modal_set("CROSSHAIR")
            context.window_manager.modal_handler_add(self)
            return {"RUNNING_MODAL"}
        return {"CANCELLED"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Follow the mouse."""
        if event.type in {"ESC", "RIGHTMOUSE"} or context.area is None:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type in PASSED_ON:
            return {"PASS_THROUGH"}
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._region = region_under(context.area, event)
            if self._region is not None:
                self._start = self._end = _place(self._region, event)
        elif self._region is not None:
            self._end = _place(self._region, event)
            context.area.tag_redraw()
            if event.type == "LEFTMOUSE" and event.value == "RELEASE":
                self.cancel(context)
                return self._finish(context)
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Leave no trace, whatever ends it."""
        self._overlay.hide()
        context.workspace.status_text_set(None)
        if context.window is not None:
            context.window.cursor_modal_restore()
        if context.area is not None:
            context.area.tag_redraw()

    def _finish(self, context: bpy.types.Context) -> set[str]:
        with errors_reported(self, BOXES):
            view = context.space_data.region_3d
            frame = camera_frame(self._region, view, context.scene.camera, context.scene)
            box = box_drawn(frame, self._start, self._end, self._source)
            shown = current_source_frame(context, self._take)
            REQUESTS.submit_box(self._take.folder, HandBox(shown, box, self.person))
            return {"FINISHED"}
        return {"CANCELLED"}

    def _draw(self) -> None:
        if self._region is None or bpy.context.region != self._region:
            return
        (left, bottom), (right, top) = self._start, self._end
        corners = [(left, bottom), (right, bottom), (right, top), (left, top)]
        lines = [corners[i % 4] for n in range(4) for i in (n, n + 1)]
        draw_lines(lines, BOX_COLOR, BOX_WIDTH)


def box_drawn(
    frame: Frame | None, start: tuple[float, float], end: tuple[float, float], source: SourceInfo
) -> Box:
    """The box in pixels of the source. UserError if what was dragged is none."""
    if frame is None or not has_aspect(frame, source.width, source.height):
        raise UserError(
            "Not the footage's frame",
            "The camera's frame has not the shape of the footage.",
            f"Set the render resolution to {source.width} x {source.height}, and look through the"
            " camera.",
        )
    box = source_box(start, end, frame, source.width, source.height)
    if box is None:
        raise UserError(
            "No box",
            "The box is too small or outside of the camera's frame.",
            "Drag it over the person, from corner to corner.",
        )
    return box


def is_camera_of(camera: bpy.types.Object | None, take: ActiveTake) -> bool:
    """Whether this camera saw the take: its own, or the solved one that it was given."""
    if camera is None:
        return False
    if take_folder(camera) is not None:
        return take_folder(camera) == take.folder
    collection = take_collection(take.obj)
    return collection is not None and collection.get(CAMERA) == camera


def region_under(area: bpy.types.Area, event: bpy.types.Event) -> bpy.types.Region | None:
    """The region of the view that the mouse is in; None over the sidebar and outside."""
    over = [
        region
        for region in area.regions
        if 0 <= event.mouse_x - region.x < region.width
        and 0 <= event.mouse_y - region.y < region.height
    ]
    types = {region.type for region in over}
    return over[0] if types == {"WINDOW"} else None  # with overlap, the sidebar lies over the view


def _place(region: bpy.types.Region, event: bpy.types.Event) -> tuple[float, float]:
    return float(event.mouse_x - region.x), float(event.mouse_y - region.y)


CLASSES = (NLF_OT_draw_box,)
