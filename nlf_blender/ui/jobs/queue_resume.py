# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on takes of footage that are not whole: go on with them, import or delete them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import ClassVar

import bpy

from ...bridge.task import LOCALIZE, RESUME, resume_task, solve_task
from ...errors import UserError
from ...protocol.edits import read_edits
from ...protocol.settings import SOURCE_CHANGED, LocalizeSettings
from ...protocol.solve_settings import SolveSettings
from ...protocol.take import SUFFIX, TAKE_FILE, read_info
from .. import places
from ..setup.preferences import preferences
from . import job_pump
from .importing import import_now
from .queue_unfinished import TAKES, at_work
from .runtime import RUNTIME, errors_reported


class _Take:
    take: bpy.props.StringProperty(options={"SKIP_SAVE", "HIDDEN"})

    def folder(self) -> Path:
        """The take. UserError if it is none, or a job is at work on it."""
        folder = places.absolute(self.take)
        if folder.suffix != SUFFIX or not (folder / TAKE_FILE).is_file():
            raise UserError(
                "No take here", f"{folder} is no take.", "Choose a folder that ends in .take."
            )
        if at_work(folder, Path(read_info(folder).source.path)):
            raise UserError(
                "Already at work",
                f"A job in the queue works on {folder.name}.",
                "Wait for it, or cancel it.",
            )
        return folder


def _submit(context: bpy.types.Context, folder: Path, source: str, changed: bool) -> None:
    task = resume_task(folder, places.absolute(source) if source else None, changed=changed)
    python = preferences(context).find_interpreter().path
    options = context.scene.nlf.footage_options()
    RUNTIME.submit(python, task, context.scene, footage=options)
    job_pump.start()


class NLF_OT_resume(_Take, bpy.types.Operator):
    """Localize the frames that this take still lacks. Asks for the source if it has moved"""

    bl_idname = "nlf.resume"
    bl_label = "Resume"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"})
    filter_movie: bpy.props.BoolProperty(default=True, options={"SKIP_SAVE", "HIDDEN"})
    filter_image: bpy.props.BoolProperty(default=True, options={"SKIP_SAVE", "HIDDEN"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the source if it is not where it was."""
        with errors_reported(self):
            source = read_info(self.folder()).source.path
            if Path(source).exists():
                return self.execute(context)
            self.filepath = source
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put the job in line."""
        with errors_reported(self):
            _submit(context, self.folder(), self.filepath, changed=False)
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_resume_changed(bpy.types.Operator):
    """Resume the take with the changed source. Frames that were localized before stay as they are"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.resume_changed"
    bl_label = "Resume Anyway"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """After a job that was refused for that."""
        problem = RUNTIME.problem
        return problem is not None and problem.error.title == SOURCE_CHANGED

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put the job in line again."""
        refused = [
            entry
            for entry in RUNTIME.queue.entries
            if entry.error is not None
            and entry.error.title == SOURCE_CHANGED
            and entry.task.command == RESUME
        ]
        if not refused or refused[-1].task.take is None:
            return {"CANCELLED"}
        with errors_reported(self):
            task = refused[-1].task
            RUNTIME.queue.remove(refused[-1])
            RUNTIME.problem = None
            _submit(context, task.take, str(task.fields["source"]), changed=True)
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_import_unfinished(_Take, bpy.types.Operator):
    """Solve and import the frames localized so far; the others can be resumed later"""

    bl_idname = "nlf.import_unfinished"
    bl_label = "Import What There Is"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put the job in line."""
        with errors_reported(self):
            folder = self.folder()
            task = solve_task(folder, read_edits(folder), _solve_settings(folder))
            python = preferences(context).find_interpreter().path
            RUNTIME.submit(python, task, context.scene, finish=_import)
            job_pump.start()
            return {"FINISHED"}
        return {"CANCELLED"}


def _import(scene: bpy.types.Scene, folders: list[Path]) -> list[str]:
    return import_now(scene, folders)


def _solve_settings(folder: Path) -> SolveSettings:
    """The clean-up that the job was to do."""
    try:
        return LocalizeSettings.from_json(read_info(folder).settings).solve
    except ValueError:
        return SolveSettings()  # of another version


class NLF_OT_delete_unfinished(_Take, bpy.types.Operator):
    """Delete this take from the disk, with all frames localized so far"""

    bl_idname = "nlf.delete_unfinished"
    bl_label = "Delete Take"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Delete it."""
        with errors_reported(self, LOCALIZE):
            folder = self.folder()
            try:
                shutil.rmtree(folder)
            except OSError as error:
                raise UserError(
                    "Not deleted",
                    f"{folder} could not be deleted: {error.strerror}.",
                    "Close the programs that use it, and try again.",
                ) from error
            finally:
                TAKES.look_again()
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (
    NLF_OT_resume,
    NLF_OT_resume_changed,
    NLF_OT_import_unfinished,
    NLF_OT_delete_unfinished,
)
