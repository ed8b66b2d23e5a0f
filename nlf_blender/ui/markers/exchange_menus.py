# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries for markers in File > Import and File > Export."""

from __future__ import annotations

import bpy

from .exchange_choices import FORMATS


def _draw_import(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    endings = "/".join(f".{kind}" for kind, _, _ in FORMATS)
    menu.layout.operator("nlf.import_markers", text=f"NLF Markers ({endings})")


def _draw_export(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    for kind, _, _ in FORMATS:
        operator = menu.layout.operator("nlf.export_markers", text=f"NLF Markers (.{kind})")
        operator.format = kind


def register() -> None:
    """Put the entries into the File menu."""
    bpy.types.TOPBAR_MT_file_import.append(_draw_import)
    bpy.types.TOPBAR_MT_file_export.append(_draw_export)


def unregister() -> None:
    """Take them out."""
    bpy.types.TOPBAR_MT_file_export.remove(_draw_export)
    bpy.types.TOPBAR_MT_file_import.remove(_draw_import)
