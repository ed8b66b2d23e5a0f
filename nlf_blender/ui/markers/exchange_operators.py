# SPDX-License-Identifier: GPL-3.0-or-later
"""File > Export and File > Import: markers for other programs, and from them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ...bridge.exchange import ExportSettings
from ...errors import UserError
from ...scene.markers.motion_import import MotionOptions
from .. import places
from ..jobs import job_pump
from ..jobs.runtime import RUNTIME, errors_reported
from ..redraw import tag_redraw
from ..setup.preferences import preferences
from .exchange_take import active_person, export_take, set_names
from .exchange_work import EXCHANGE

FORMATS = (
    ("trc", "TRC", "Motion Analysis, OpenSim: one file for each person"),
    ("c3d", "C3D", "Mokka, Vicon, MotionBuilder; names in ASCII"),
    ("csv", "CSV", "A table, with uncertainties"),
    ("json", "JSON", "With uncertainties, groups and colours"),
)
DEFAULT = "DEFAULT"
UNITS = (
    (DEFAULT, "Default", "Millimetres in TRC and C3D, metres in CSV and JSON"),
    ("mm", "Millimetres", ""),
    ("m", "Metres", ""),
)
AXES = (
    (DEFAULT, "Default", "Y up in TRC, Z up in other files; of a file that is read, as it says"),
    ("z-up", "Z Up", "As in Blender"),
    ("y-up", "Y Up", "X, Z and -Y of Blender"),
)
PEOPLE = (
    ("ALL", "All", "Everybody who is kept"),
    ("ACTIVE", "Selected", "The selected person only"),
)
GAPS = (
    ("UNSEEN", "Not Seen", "Gaps where a marker was not seen"),
    ("UNCERTAIN", "Not Seen or Uncertain", "Gaps also where it is more uncertain than the limit"),
    ("FILL", "None", "No gaps: markers that were not seen follow the body"),
)
GLOB = ";".join(f"*.{kind}" for kind, _, _ in FORMATS)


def _is_free(cls: type[bpy.types.Operator]) -> bool:
    if RUNTIME.exchange.running:
        cls.poll_message_set("Markers are being exported or imported")
        return False
    return True


def _given(choice: str) -> str:
    """A choice as the command line has it, "" for its default."""
    return "" if choice == DEFAULT else choice


def _search_sets(self: NLF_OT_export_markers, context: bpy.types.Context, text: str) -> list[str]:
    return [name for name in set_names(context) if text.lower() in name.lower()]


class NLF_OT_export_markers(bpy.types.Operator):
    """Write the markers of the selected take, or its joints, for other programs"""

    bl_idname = "nlf.export_markers"
    bl_label = "Export Markers"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default=GLOB, options={"HIDDEN", "SKIP_SAVE"})
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    format: bpy.props.EnumProperty(name="Format", items=FORMATS, default="c3d")
    set_name: bpy.props.StringProperty(
        name="Set",
        description="The point set; the only one of the take, or its joints, if it is empty",
        search=_search_sets,
        options={"SKIP_SAVE"},
    )
    joints: bpy.props.BoolProperty(
        name="Joints", description="The joints of the body instead of a set"
    )
    people: bpy.props.EnumProperty(name="People", items=PEOPLE)
    units: bpy.props.EnumProperty(name="Units", items=UNITS)
    axes: bpy.props.EnumProperty(name="Axes", items=AXES)
    gaps: bpy.props.EnumProperty(name="Gaps", items=GAPS)
    limit: bpy.props.FloatProperty(
        name="Limit",
        description="What is more uncertain is a gap",
        subtype="DISTANCE",
        unit="LENGTH",
        default=0.1,
        min=0.0,
        soft_max=0.5,
    )
    rate: bpy.props.FloatProperty(
        name="Rate", description="Frames a second; 0 for the take's own", min=0.0, soft_max=240.0
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a take, and nothing else is exported."""
        if export_take(context) is None:
            cls.poll_message_set("Select a person or a camera that was imported from a take")
            return False
        return _is_free(cls)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        folder = export_take(context)
        if not self.filepath and folder is not None:
            self.filepath = str(folder.with_suffix(f".{self.format}"))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """Let the file's ending follow the format."""
        path = Path(self.filepath)
        wanted = str(path.with_suffix(f".{self.format}")) if path.name else self.filepath
        changed = wanted != self.filepath
        self.filepath = wanted
        return changed

    def draw(self, context: bpy.types.Context) -> None:
        """The options beside the file browser."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "format")
        column = layout.column()
        column.enabled = not self.joints
        column.prop(self, "set_name")
        for name in ("joints", "people", "units", "axes", "gaps"):
            layout.prop(self, name)
        if self.gaps == "UNCERTAIN":
            layout.prop(self, "limit")
        layout.prop(self, "rate")

    def settings(self, context: bpy.types.Context) -> ExportSettings:
        """What was chosen. UserError if nobody is selected whose markers are wanted."""
        person = active_person(context) if self.people == "ACTIVE" else None
        if self.people == "ACTIVE" and person is None:
            raise UserError(
                "Nobody selected",
                "Only the selected person's markers shall be exported.",
                "Select a person from footage, or export all people.",
            )
        return ExportSettings(
            format=self.format,
            set_name="" if self.joints else self.set_name,
            joints=self.joints,
            person=person,
            units=_given(self.units),
            axes=_given(self.axes),
            gap_above=self.limit if self.gaps == "UNCERTAIN" else None,
            fill=self.gaps == "FILL",
            rate=self.rate or None,
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Hand it to the worker."""
        folder = export_take(context)
        if folder is None or not self.filepath:
            return {"CANCELLED"}
        with errors_reported(self, EXCHANGE):
            python = preferences(context).find_interpreter().path
            out = places.absolute(self.filepath)
            RUNTIME.problem = None
            RUNTIME.exchange.begin_export(python, folder, out, self.settings(context))
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_import_markers(bpy.types.Operator):
    """Bring the markers of another program into the scene, as animated empties"""

    bl_idname = "nlf.import_markers"
    bl_label = "Import Markers"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(default=GLOB, options={"HIDDEN", "SKIP_SAVE"})
    axes: bpy.props.EnumProperty(name="Axes", items=AXES)
    set_rate: bpy.props.BoolProperty(
        name="Set Scene Rate",
        description="Give the scene the file's frame rate and range, unless footage plays in it",
        default=True,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Nothing else is imported."""
        return _is_free(cls)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file, unless one was dropped."""
        if self.filepath:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, context: bpy.types.Context) -> None:
        """The options beside the file browser."""
        self.layout.use_property_split = True
        self.layout.prop(self, "axes")
        self.layout.prop(self, "set_rate")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Hand it to the worker."""
        with errors_reported(self, EXCHANGE):
            python = preferences(context).find_interpreter().path
            file, options = places.absolute(self.filepath), MotionOptions(set_rate=self.set_rate)
            RUNTIME.problem = None
            try:
                RUNTIME.exchange.begin_import(
                    python, file, _given(self.axes), context.scene.session_uid, options
                )
            except OSError as error:
                raise places.not_handed_over("file", error) from error
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_cancel_exchange(bpy.types.Operator):
    """Stop it"""

    bl_idname = "nlf.cancel_exchange"
    bl_label = "Cancel"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Stop it at once."""
        RUNTIME.exchange.cancel()
        tag_redraw()
        return {"FINISHED"}


class NLF_FH_markers(bpy.types.FileHandler):
    """Files of markers dropped on the 3D viewport."""

    bl_idname = "NLF_FH_markers"
    bl_label = "NLF: Markers"
    bl_import_operator = "nlf.import_markers"
    bl_file_extensions = ".trc;.c3d"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """On 3D viewports only."""
        return context.area is not None and context.area.type == "VIEW_3D"


def _draw_import(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    endings = "/".join(f".{kind}" for kind, _, _ in FORMATS)
    menu.layout.operator("nlf.import_markers", text=f"NLF Markers ({endings})")


def _draw_export(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    for kind, _, _ in FORMATS:
        operator = menu.layout.operator("nlf.export_markers", text=f"NLF Markers (.{kind})")
        operator.format = kind


CLASSES = (NLF_OT_export_markers, NLF_OT_import_markers, NLF_OT_cancel_exchange, NLF_FH_markers)


def register() -> None:
    """Put the entries into the File menu."""
    bpy.types.TOPBAR_MT_file_import.append(_draw_import)
    bpy.types.TOPBAR_MT_file_export.append(_draw_export)


def unregister() -> None:
    """Take them out."""
    bpy.types.TOPBAR_MT_file_export.remove(_draw_export)
    bpy.types.TOPBAR_MT_file_import.remove(_draw_import)
