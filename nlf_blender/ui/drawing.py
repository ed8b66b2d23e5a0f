# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces that several panels draw: wrapped texts, progress, numbers in words."""

from __future__ import annotations

from collections.abc import Callable

import blf
import bpy

from ..errors import UserError

DIALOG_WIDTH = 640  # pixels at scale 1

_FONT = 0
_POINTS = 11.0  # Blender's interface text, at scale 1
_MARGIN = 78.0  # pixels at scale 1 that the tabs, a panel and a box keep for themselves
_EDGE = 30.0  # the same of a dialog
_ICON = 22.0
_NARROWEST = 60.0


def wrap(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Lines of `text` that are no wider than `width` as `measure` says; words too long are cut."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if measure(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while measure(line) > width and len(line) > 1:
                fits = next(
                    n for n in range(len(line) - 1, 0, -1) if n == 1 or measure(line[:n]) <= width
                )
                lines.append(line[:fits])
                line = line[fits:]
        lines.append(line)
    return lines


def draw_text(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    text: str,
    icon: str = "NONE",
    beside: int = 0,
    width: float | None = None,
    alert: bool = False,
) -> None:
    """A text over as many lines as its room asks for: the region's width, or `width` in pixels at
    scale 1, as of a dialog. beside: icons to its right; alert: in the colour of errors."""
    scale = context.preferences.system.ui_scale or 1.0  # 0 while there is no window
    blf.size(_FONT, _POINTS * scale)
    icons = beside + (icon != "NONE")
    room = context.region.width - _MARGIN * scale if width is None else (width - _EDGE) * scale
    room = max(room - _ICON * icons * scale, _NARROWEST * scale)
    column = layout.column(align=True)
    column.scale_y = 0.8
    if alert:  # else that of the layout around it
        column.alert = True
    for number, line in enumerate(wrap(text, room, lambda part: blf.dimensions(_FONT, part)[0])):
        if icon == "NONE":
            column.label(text=line, translate=False)
        else:
            column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)


def draw_error(
    layout: bpy.types.UILayout, context: bpy.types.Context, error: UserError, close: str = ""
) -> bpy.types.UILayout:
    """A box that says what went wrong and what to do. Returns it, for buttons. close: the operator
    that takes the message away, if one does."""
    box = layout.box()
    header = box.row()
    draw_text(header, context, error.title, icon="ERROR", beside=1 if close else 0, alert=True)
    if close:
        header.operator(close, text="", icon="X", emboss=False)
    draw_text(box, context, error.detail)
    draw_text(box, context, error.fix, icon="FORWARD")
    return box


def duration(seconds: float) -> str:
    """Seconds in words, as coarse as an estimate deserves."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    return f"{round(seconds / 60)} min"
