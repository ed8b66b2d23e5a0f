# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that exports markers for other programs."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...bridge.exchange import ExportSettings
from ...errors import UserError
from ...scene.markers.gap_options import Gaps
from .. import places
from ..jobs import job_pump
from ..jobs.runtime import RUNTIME, errors_reported
from ..setup.preferences import preferences
from .exchange_choices import AXES, FORMATS, GAPS, GLOB, PEOPLE, UNITS, given, is_free
from .exchange_take import active_person, export_take, set_names
from .exchange_work import EXCHANGE


def _search_sets(self: NLF_OT_export_markers, context: bpy.types.Context, text: str) -> list[str]:
    return [name for name in set_names(context) if text.lower() in name.lower()]


def with_ending(path: str, kind: str) -> str:
    """A file's path with the ending of a format, instead of that of another one; a folder's as it
    is."""
    ending, known = f".{kind}", [f".{other}" for other, _, _ in FORMATS]
    if not path or path.endswith(("/", "\\")) or path.lower().endswith(ending):
        return path
    stem = path[: -len(Path(path).suffix)] if Path(path).suffix.lower() in known else path
    return stem + ending


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
        default=Gaps.threshold,
        min=0.0,
        soft_max=1.0,
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
        return is_free(cls)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        folder = export_take(context)
        if not self.filepath and folder is not None:
            self.filepath = str(folder.with_suffix(f".{self.format}"))
        names = set_names(context)
        if len(names) > 1 and self.set_name not in names:  # of a single one nobody has to tell
            self.set_name = names[0]
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """Let the file's ending follow the format."""
        wanted = with_ending(self.filepath, self.format)
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
            units=given(self.units),
            axes=given(self.axes),
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
            out = places.absolute(with_ending(self.filepath, self.format))
            RUNTIME.problem = None
            RUNTIME.exchange.begin_export(python, folder, out, self.settings(context))
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (NLF_OT_export_markers,)
