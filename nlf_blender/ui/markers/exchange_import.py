# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator that imports markers of other programs, and dropping their files."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.markers.motion_import import MotionOptions
from .. import places
from ..jobs import job_pump
from ..jobs.runtime import RUNTIME, errors_reported
from ..redraw import tag_redraw
from ..setup.preferences import preferences
from .exchange_choices import AXES, GLOB, given, is_free
from .exchange_work import EXCHANGE


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
        return is_free(cls)

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
                    python, file, given(self.axes), context.scene.session_uid, options
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


CLASSES = (NLF_OT_import_markers, NLF_OT_cancel_exchange, NLF_FH_markers)
