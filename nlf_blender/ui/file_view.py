# SPDX-License-Identifier: GPL-3.0-or-later
"""Model and body files in the preferences: licence, download, examination, consent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..bridge import releases
from ..bridge.download import Download
from ..bridge.inspection import FileReport
from ..bridge.releases import Release
from . import places
from .drawing import draw_error, draw_text, duration
from .environment_view import ONLINE_HINT
from .file_work import BODY, MODEL
from .runtime import RUNTIME

if TYPE_CHECKING:
    from .preferences import NLF_Preferences

PROGRAM_SUFFIXES = (".torchscript", ".jit")
BODY_PAGES = (
    ("Get SMPL", "https://smpl.is.tue.mpg.de"),
    ("Get SMPL-H", "https://mano.is.tue.mpg.de"),
    ("Get SMPL-X", "https://smpl-x.is.tue.mpg.de"),
)
Layout = bpy.types.UILayout
Context = bpy.types.Context


def draw_model(layout: Layout, context: Context, prefs: NLF_Preferences) -> None:
    """The model: which, on which terms, where to get it, what it is."""
    layout.prop(prefs, "model_choice")
    if prefs.model_choice == "FILE":
        layout.prop(prefs, "model")
    free = prefs.model_choice == "DEFAULT"
    _draw_license(layout, context, prefs.model_license(), free)
    release = prefs.release()
    if release is not None:
        _draw_release(layout, context, release)
    if free:
        return
    file = prefs.model_file()
    report = RUNTIME.files.report(MODEL, file)
    if file is not None:
        _draw_examination(layout, context, MODEL, report)
        if report.needs_consent if report else file.suffix.lower() in PROGRAM_SUFFIXES:
            _draw_consent(layout, context, prefs, report)
        if file.suffix.lower() != ".safetensors":
            _draw_conversion(layout, context)
    _draw_model_data(layout, context, prefs, file, release)
    _draw_trusted(layout, prefs)


def draw_body(layout: Layout, context: Context, prefs: NLF_Preferences) -> None:
    """The body: which, on which terms, what it is."""
    layout.prop(prefs, "body_choice")
    if prefs.body_choice == "FILE":
        layout.prop(prefs, "body")
    elif prefs.body_choice == "FOLDER":
        _draw_folder(layout, context, prefs)
    _draw_license(layout, context, prefs.body_license(), prefs.body_choice == "OPEN")
    if prefs.body_choice == "OPEN":
        return
    file = prefs.body_file()
    if file is not None:
        _draw_examination(layout, context, BODY, RUNTIME.files.report(BODY, file))
        return
    row = layout.row(align=True)
    for text, url in BODY_PAGES:
        row.operator("wm.url_open", text=text, icon="URL").url = url


def _draw_license(layout: Layout, context: Context, text: str, free: bool) -> None:
    draw_text(layout, context, f"Licence: {_capital(text)}", icon="CHECKMARK" if free else "INFO")


# ------------------------------------------------------------------------------------ downloads


def _draw_release(layout: Layout, context: Context, release: Release) -> None:
    """An official release: what it is, where it is, how to get it."""
    box = layout.box()
    size = f" {release.megabytes:.0f} MB." if release.megabytes else ""
    draw_text(box, context, f"{release.about}.{size}")
    draw_text(box, context, release.address)
    row = box.row()
    row.operator("wm.url_open", text="Open Its Page", icon="URL").url = release.page
    _draw_download(box, row, context, release)


def _draw_download(box: Layout, row: Layout, context: Context, release: Release) -> None:
    """The button in `row`; below it how far the download is, or what came of it."""
    download = RUNTIME.files.download
    if download is not None and download.release != release:
        download = None
    if download is not None and download.running:
        _draw_progress(box, download)
        return
    path = places.models_folder() / release.file
    here = path.is_file()
    part = path.with_name(path.name + ".part")
    begun = part.is_file() and part.stat().st_size > 0
    text = "Download Again" if here else "Go On Downloading" if begun else "Download"
    row.operator("nlf.download", text=text, icon="IMPORT").key = release.key
    if not bpy.app.online_access:
        draw_text(box, context, f"{ONLINE_HINT}, to download it.", icon="INFO")
    if download is not None and download.error is not None:
        draw_error(box, context, download.error)
    elif download is not None and download.finished:
        draw_text(box, context, f"Downloaded. {download.verdict}", icon="CHECKMARK")
    elif here:
        draw_text(box, context, f"It is in {path.parent}", icon="CHECKMARK")


def _draw_progress(layout: Layout, download: Download) -> None:
    text = download.text
    if download.total:
        text += f": {download.done / 1e6:.0f} of {download.total / 1e6:.0f} MB"
    if download.rate > 0:
        text += f", {download.rate / 1e6:.1f} MB/s"
    if download.seconds_left is not None:
        text += f", about {duration(download.seconds_left)} left"
    layout.progress(factor=download.fraction, text=text)
    layout.operator("nlf.cancel_files", icon="CANCEL").what = "DOWNLOAD"


# ------------------------------------------------------------------------------ what a file is


def _draw_examination(
    layout: Layout, context: Context, what: str, report: FileReport | None
) -> None:
    """The button, and what came of it for the file that is chosen now."""
    inspection = RUNTIME.files.inspections.get(what)
    if inspection is not None and inspection.running:
        layout.label(text="Examining...", icon="TIME")
        return
    layout.operator("nlf.examine", icon="VIEWZOOM").what = what
    if report is not None:
        _draw_report(layout, context, report)
    elif inspection is not None and inspection.error is not None:
        draw_error(layout, context, inspection.error)


def _draw_report(layout: Layout, context: Context, report: FileReport) -> None:
    box = layout.box()
    box.label(text=_capital(report.kind), icon="FILE_TICK", translate=False)
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


def _draw_consent(
    layout: Layout, context: Context, prefs: NLF_Preferences, report: FileReport | None
) -> None:
    if report is not None and report.sha256 in prefs.trusted_hashes():
        return
    box = layout.box()
    box.alert = True
    draw_text(
        box,
        context,
        "This file is a program, and will be run on your computer, with your rights. Allow it "
        "only if you trust where it came from.",
        icon="ERROR",
    )
    if report is None:
        draw_text(box, context, "Examine it first, which runs nothing of it.", icon="FORWARD")
    box.operator("nlf.allow_program", text="Allow...", icon="CHECKMARK")


def _draw_conversion(layout: Layout, context: Context) -> None:
    conversion = RUNTIME.files.conversion
    if conversion is not None and conversion.running:
        layout.progress(factor=conversion.step.fraction or 0.0, text=conversion.step.text)
        layout.operator("nlf.cancel_files", icon="CANCEL").what = "CONVERSION"
        return
    layout.operator("nlf.convert_model", text="Convert to Safetensors", icon="FILE_REFRESH")
    if conversion is not None and conversion.error is not None:
        draw_error(layout, context, conversion.error)


def _draw_trusted(layout: Layout, prefs: NLF_Preferences) -> None:
    """The programs that may run."""
    for item in prefs.trusted:
        row = layout.row()
        row.label(
            text=f"Allowed: {item.name} ({item.sha256[:12]}...)", icon="CHECKMARK", translate=False
        )
        row.operator("nlf.forget_program", icon="X").sha256 = item.sha256


def _draw_model_data(
    layout: Layout,
    context: Context,
    prefs: NLF_Preferences,
    file: Path | None,
    release: Release | None,
) -> None:
    """The folder with what weights alone lack, for models that may need it."""
    weights = file is not None and file.suffix.lower() in (".pt", ".pth")
    if not (weights or (release is not None and release.needs_data)):
        return
    layout.prop(prefs, "model_data", placeholder="the folder of the model")
    if not prefs.model_data:
        _draw_release(layout, context, releases.DATA_FILES)


# --------------------------------------------------------------------------------------- bodies


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
