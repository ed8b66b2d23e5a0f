# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that put sources in line: the chosen one, many files, files dropped on the viewport."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import bpy

from ...errors import UserError
from ...protocol import take
from ...scene.source.source_files import IMAGE_SUFFIXES, MOVIE_SUFFIXES
from .. import places
from ..jobs import job_pump
from ..jobs.importing import import_now
from ..jobs.runtime import RUNTIME, errors_reported
from ..redraw import tag_redraw
from ..setup.preferences import preferences
from .source_choice import chosen_source, file_source
from .source_job import submit_source
from .source_properties import FILE

_SOURCES = ";".join(f"*{suffix}" for suffix in (*IMAGE_SUFFIXES, *MOVIE_SUFFIXES))


class NLF_OT_localize(bpy.types.Operator):
    """Find the people in the source and import them as meshes and armatures. Waits in the queue while another job runs"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.localize"
    bl_label = "Localize"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Collect the settings and hand the job over."""
        with errors_reported(self):
            scene = context.scene
            submit_source(scene, preferences(context), chosen_source(scene))
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


class _Files:
    """What the file browser and dropping give: a folder and names in it."""

    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    files: bpy.props.CollectionProperty(
        type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"}
    )

    def paths(self) -> list[Path]:
        """The chosen files."""
        folder = places.absolute(self.directory)
        return [folder / item.name for item in self.files if item.name]


class NLF_OT_add_files(_Files, bpy.types.Operator):
    """Choose many photos and movies; each becomes a job of its own, with the settings as they are now"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.add_files"
    bl_label = "Add Files to Queue"

    filter_glob: bpy.props.StringProperty(default=_SOURCES, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Let the user choose."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put them in line."""
        with errors_reported(self):
            _submit_all(context, self.paths())
            return {"FINISHED"}
        return {"CANCELLED"}


def _submit_all(context: bpy.types.Context, paths: Iterable[Path]) -> None:
    """Put files in line. Those that cannot be are named in one UserError, the others are."""
    refused: list[UserError] = []
    for path in paths:
        try:
            source = file_source(context.scene, path)
            submit_source(context.scene, preferences(context), source)
        except UserError as error:
            refused.append(error)
    job_pump.start()
    if len(refused) == 1:
        raise refused[0]
    if refused:
        details = " ".join(error.detail for error in refused)
        raise UserError(f"{len(refused)} files not added", details, refused[0].fix)


class NLF_OT_drop(_Files, bpy.types.Operator):
    """Localize people in what was dropped, or import a take"""

    bl_idname = "nlf.drop"
    bl_label = "NLF: Localize People"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """One file becomes the source; several go in line; takes are imported."""
        with errors_reported(self):
            paths = self.paths()
            takes = [path for path in paths if path.suffix == take.SUFFIX]
            sources = [path for path in paths if path not in takes]
            if takes:
                RUNTIME.notes = import_now(context.scene, takes)
                bpy.ops.ed.undo_push(message="Import Take")
            if len(sources) == 1:
                properties = context.scene.nlf
                properties.source_kind, properties.source = FILE, str(sources[0])
                properties.source_sequence = False
                text = f"{sources[0].name} is the source: click Localize in the sidebar's NLF tab"
                self.report({"INFO"}, text)
                tag_redraw()
            elif sources:
                _submit_all(context, sources)
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_FH_drop(bpy.types.FileHandler):
    """Photos, movies and takes dropped on the 3D viewport."""

    bl_idname = "NLF_FH_drop"
    bl_label = "NLF: Localize People"
    bl_import_operator = "nlf.drop"
    bl_file_extensions = ";".join((*IMAGE_SUFFIXES, *MOVIE_SUFFIXES, take.SUFFIX))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """On 3D viewports only."""
        return context.area is not None and context.area.type == "VIEW_3D"


CLASSES = (NLF_OT_localize, NLF_OT_add_files, NLF_OT_drop, NLF_FH_drop)
