# SPDX-License-Identifier: GPL-3.0-or-later
"""The model in the preferences: licence, download, consent, conversion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...bridge import releases
from ...bridge.download import Download
from ...bridge.inspection import FileReport
from ...bridge.releases import Release
from .. import places
from ..drawing import draw_error, draw_text, duration
from ..jobs.runtime import RUNTIME
from .environment_view import ONLINE_HINT
from .file_view import Context, Layout, draw_examination, draw_license
from .file_work import MODEL

if TYPE_CHECKING:
    from .preferences import NLF_Preferences


def draw_model(layout: Layout, context: Context, prefs: NLF_Preferences) -> None:
    """The model: which, on which terms, where to get it, what it is."""
    layout.prop(prefs, "model_choice")
    if prefs.model_choice == "FILE":
        layout.prop(prefs, "model")
    free = prefs.model_choice == "DEFAULT"
    draw_license(layout, context, prefs.model_license(), free)
    release = prefs.release()
    if release is not None:
        _draw_release(layout, context, release)
    if free:
        return
    file = prefs.model_file()
    report = RUNTIME.files.report(MODEL, file)
    if file is not None:
        draw_examination(layout, context, MODEL, file)
        if prefs.may_be_program():
            _draw_consent(layout, context, prefs, report)
        if file.suffix.lower() != ".safetensors" and (report is None or report.role == "model"):
            _draw_conversion(layout, context, file)
    _draw_model_data(layout, context, prefs, file, release)
    _draw_trusted(layout, prefs)


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
    text = "Download Again" if here else "Continue Download" if begun else "Download"
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


# ------------------------------------------------------------------------------ what it may do


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


def _draw_conversion(layout: Layout, context: Context, file: Path) -> None:
    conversion = RUNTIME.files.conversion
    if conversion is not None and conversion.running:
        layout.progress(factor=conversion.step.fraction or 0.0, text=conversion.step.text)
        layout.operator("nlf.cancel_files", icon="CANCEL").what = "CONVERSION"
        return
    layout.operator("nlf.convert_model", text="Convert to Safetensors", icon="FILE_REFRESH")
    if conversion is not None and conversion.error is not None and RUNTIME.files.source == file:
        draw_error(layout, context, conversion.error)


def _draw_trusted(layout: Layout, prefs: NLF_Preferences) -> None:
    """The programs that may run."""
    for item in prefs.trusted:
        row = layout.split(factor=0.8)
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
