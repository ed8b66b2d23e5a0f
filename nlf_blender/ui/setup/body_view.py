# SPDX-License-Identifier: GPL-3.0-or-later
"""The body in the preferences: licence, folder, where bodies are to be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import places
from ..drawing import draw_error, draw_text
from ..jobs.runtime import RUNTIME
from .file_view import Context, Layout, draw_examination, draw_license
from .file_work import BODY

if TYPE_CHECKING:
    from .preferences import NLF_Preferences

BODY_PAGES = (
    ("Get SMPL", "https://smpl.is.tue.mpg.de"),
    ("Get SMPL-H", "https://mano.is.tue.mpg.de"),
    ("Get SMPL-X", "https://smpl-x.is.tue.mpg.de"),
)


def draw_body(layout: Layout, context: Context, prefs: NLF_Preferences) -> None:
    """The body: which, on which terms, what it is."""
    layout.prop(prefs, "body_choice")
    if prefs.body_choice == "FILE":
        layout.prop(prefs, "body")
    elif prefs.body_choice == "FOLDER":
        _draw_folder(layout, context, prefs)
    draw_license(layout, context, prefs.body_license(), prefs.body_choice == "OPEN")
    if prefs.body_choice == "OPEN":
        return
    file = prefs.body_file()
    if file is not None:
        draw_examination(layout, context, BODY, file)
        return
    row = layout.row(align=True)
    for text, url in BODY_PAGES:
        row.operator("wm.url_open", text=text, icon="URL").url = url


def _draw_folder(layout: Layout, context: Context, prefs: NLF_Preferences) -> None:
    layout.prop(prefs, "body_folder")
    if not prefs.body_folder:
        return
    bodies = RUNTIME.files.bodies
    found = bodies.search(places.absolute(prefs.body_folder))
    if not found.complete:
        text = "The folder is too large to search all of it: choose one further down."
        draw_text(layout, context, text, icon="ERROR")
    for path in found.unreadable:
        draw_text(layout, context, f"Cannot be looked into: {path}", icon="ERROR")
    if found.files:
        chosen = bodies.file(places.absolute(prefs.body_folder), prefs.body_found)
        split = layout.split(factor=0.4)
        name = split.row()
        name.alignment = "RIGHT"
        name.label(text="Found")
        row = split.row(align=True)
        text = chosen.title if chosen else "Choose a body"
        row.operator_menu_enum("nlf.choose_body", "body", text=text, icon="ARMATURE_DATA")
        row.operator("nlf.search_bodies", text="", icon="FILE_REFRESH")
        if chosen is not None:
            draw_text(layout, context, str(chosen.path), icon="FILE")
        return
    if bodies.error is not None:
        draw_error(layout, context, bodies.error)
    else:
        draw_text(layout, context, "There is no body file in this folder.", icon="ERROR")
    layout.operator("nlf.search_bodies", icon="FILE_REFRESH")
