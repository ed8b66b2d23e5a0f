# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of marker sets: those that come with the extension, and the user's own in Blender's
folder of presets, where other versions of Blender find them, too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import bpy

from ...errors import UserError
from ...protocol.marker_set import SUFFIX, read_marker_set
from ...scene.markers.marker_sets import read_scene_set
from .. import places
from ..jobs.runtime import errors_reported
from .active_set import active_set
from .canonical_work import CANONICAL
from .set_files import bring_in, save_set

SHIPPED = places.PACKAGE_FOLDER / "assets" / "marker_sets"
SUBFOLDER = "presets/nlf_markers"
Stamp = tuple[int, int]  # time of change in nanoseconds, size


class PresetNames:
    """What presets are called, read once and again when their files change: menus are drawn
    often."""

    def __init__(self) -> None:
        self._names: dict[Path, tuple[Stamp, str]] = {}

    def name(self, path: Path) -> str:
        """The name of a preset; of one that cannot be read, its file's."""
        status = path.stat()
        stamp = status.st_mtime_ns, status.st_size
        known = self._names.get(path)
        if known is None or known[0] != stamp:
            known = stamp, _name_in(path)
            self._names[path] = known
        return known[1]


def _name_in(path: Path) -> str:
    try:
        return read_marker_set(path).name
    except UserError:
        return path.name


NAMES = PresetNames()


def shipped_presets() -> list[Path]:
    """The files of the presets that come with the extension, by name."""
    return sorted(SHIPPED.glob(f"*{SUFFIX}"), key=NAMES.name)


def user_presets() -> list[Path]:
    """The files of the user's own presets, by name."""
    folder = bpy.utils.user_resource("SCRIPTS", path=SUBFOLDER)
    return sorted(Path(folder).glob(f"*{SUFFIX}"), key=NAMES.name) if folder else []


def _user_folder() -> Path:
    folder = bpy.utils.user_resource("SCRIPTS", path=SUBFOLDER, create=True)
    if not folder:
        raise UserError(
            "No folder for presets",
            "Blender's folder of user presets cannot be made.",
            "Save the set as a file instead.",
        )
    return Path(folder)


class NLF_MT_marker_presets(bpy.types.Menu):
    """Marker sets to start from"""

    bl_label = "Marker Set Presets"

    def draw(self, context: bpy.types.Context) -> None:
        """Those that come with the extension, then the user's with what adds and removes them."""
        column = self.layout.column(align=True)
        for path in shipped_presets():
            _draw_preset(column, path)
        own = user_presets()
        if own:
            self.layout.separator()
        column = self.layout.column(align=True)
        for path in own:
            row = column.row(align=True)
            _draw_preset(row, path)
            row.operator("nlf.marker_preset_remove", text="", icon="REMOVE").filepath = str(path)
        if active_set(context) is not None:
            self.layout.separator()
            self.layout.operator("nlf.marker_preset_add", icon="ADD")


def _draw_preset(layout: bpy.types.UILayout, path: Path) -> None:
    layout.operator("nlf.marker_preset", text=NAMES.name(path), translate=False).filepath = str(
        path
    )


class NLF_OT_marker_preset(bpy.types.Operator):
    """Add this marker set to the scene, with its canonical body if there is none"""

    bl_idname = "nlf.marker_preset"
    bl_label = "Add Marker Set"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In object mode."""
        return context.mode == "OBJECT"

    @classmethod
    def description(cls, context: bpy.types.Context, properties: NLF_OT_marker_preset) -> str:
        """Where the set comes from, as it says itself."""
        try:
            found = read_marker_set(Path(properties.filepath)).description
        except UserError as error:
            found = error.detail
        return found or cls.__doc__ or ""

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it."""
        with errors_reported(self, CANONICAL):
            bring_in(context, read_marker_set(Path(self.filepath)))
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_marker_preset_add(bpy.types.Operator):
    """Keep the active marker set as a preset, for all files"""

    bl_idname = "nlf.marker_preset_add"
    bl_label = "Save as Preset"

    name: bpy.props.StringProperty(name="Name", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a marker set."""
        return active_set(context) is not None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the name."""
        self.name = self.name or active_set(context).name
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write its file; one of the same name is never overwritten."""
        with errors_reported(self, CANONICAL):
            found = read_scene_set(active_set(context))
            name = self.name.strip() or found.name
            path = _user_folder() / f"{bpy.path.clean_name(name)}{SUFFIX}"
            if path.exists():
                raise UserError(
                    "Name taken",
                    f"There is a preset called '{NAMES.name(path)}' already.",
                    "Give another name, or remove that preset first.",
                )
            named = replace(found, name=name)
            save_set(path, named)
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_marker_preset_remove(bpy.types.Operator):
    """Remove this preset"""

    bl_idname = "nlf.marker_preset_remove"
    bl_label = "Remove Preset"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        title = f"Remove preset '{NAMES.name(Path(self.filepath))}'?"
        return context.window_manager.invoke_confirm(self, event, title=title)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Delete its file, if it is one of the user's presets."""
        with errors_reported(self, CANONICAL):
            path = Path(self.filepath)
            if path not in user_presets():
                return {"CANCELLED"}
            try:
                path.unlink()
            except OSError as error:
                raise UserError(
                    "Preset not removed",
                    f"{path} cannot be deleted: {error.strerror}.",
                    "Close the programs that use it, and try again.",
                ) from error
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (
    NLF_MT_marker_presets,
    NLF_OT_marker_preset,
    NLF_OT_marker_preset_add,
    NLF_OT_marker_preset_remove,
)
