# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preferences show of any file, model or body: its licence, what it is."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...bridge.inspection import FileReport
from ..drawing import draw_error, draw_text
from ..jobs.runtime import RUNTIME

Layout = bpy.types.UILayout
Context = bpy.types.Context


def draw_license(layout: Layout, context: Context, text: str, free: bool) -> None:
    """On which terms it may be used. free: for any use."""
    draw_text(layout, context, f"Licence: {_capital(text)}", icon="CHECKMARK" if free else "INFO")


def draw_examination(layout: Layout, context: Context, what: str, file: Path) -> None:
    """The button, and what came of it for the file that is chosen now."""
    inspection = RUNTIME.files.inspection(what, file)
    if inspection is not None and inspection.running:
        layout.label(text="Examining...", icon="TIME")
        return
    layout.operator("nlf.examine", icon="VIEWZOOM").what = what
    if inspection is None:
        return
    if inspection.report is not None:
        _draw_report(layout, context, what, inspection.report)
    elif inspection.error is not None:
        draw_error(layout, context, inspection.error)


def _draw_report(layout: Layout, context: Context, what: str, report: FileReport) -> None:
    box = layout.box()
    box.label(text=_capital(report.kind), icon="FILE_TICK", translate=False)
    if report.role != what.lower():
        text = f"This is a {report.role}, not a {what.lower()}: choose it as the {report.role}."
        draw_text(box, context, text, icon="ERROR")
    column = box.column(align=True)
    for name, value in report.rows:
        draw_text(column, context, f"{_capital(name)}: {value}", icon="DOT")
    draw_text(column, context, f"SHA-256: {report.sha256}", icon="DOT")
    for text in report.missing:
        draw_text(box, context, f"Missing: {text}", icon="ERROR")
    for text in report.notes:
        draw_text(box, context, _capital(text), icon="INFO")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
