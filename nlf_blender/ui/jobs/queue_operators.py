# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on the jobs in the queue: pause, continue, cancel, reorder."""

from __future__ import annotations

import bpy

from ...bridge.queue import Stand
from . import job_pump
from .runtime import RUNTIME


class NLF_OT_cancel(bpy.types.Operator):
    """Stop the job. The frames of footage that were localized are kept, and can be resumed"""

    bl_idname = "nlf.cancel"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Cancel at once."""
        RUNTIME.cancel()
        job_pump.start()
        return {"FINISHED"}


class NLF_OT_cancel_all(bpy.types.Operator):
    """Stop the job, and remove all that wait from the queue"""

    bl_idname = "nlf.cancel_all"
    bl_label = "Cancel All"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Cancel at once."""
        RUNTIME.cancel_all()
        job_pump.start()
        return {"FINISHED"}


class NLF_OT_pause(bpy.types.Operator):
    """Pause the job; the worker keeps its memory. Without a job, pause the queue"""

    bl_idname = "nlf.pause"
    bl_label = "Pause"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Hold still."""
        RUNTIME.pause()
        job_pump.start()
        return {"FINISHED"}


class NLF_OT_go_on(bpy.types.Operator):
    """Continue the paused job or queue"""

    bl_idname = "nlf.go_on"
    bl_label = "Continue"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Go on."""
        RUNTIME.go_on()
        job_pump.start()
        return {"FINISHED"}


class _Place:
    index: bpy.props.IntProperty(min=0, options={"SKIP_SAVE", "HIDDEN"})


class NLF_OT_move_job(_Place, bpy.types.Operator):
    """Run this job earlier or later"""

    bl_idname = "nlf.move_job"
    bl_label = "Move"

    steps: bpy.props.IntProperty(default=-1, options={"SKIP_SAVE", "HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Move it, if it still waits."""
        entries = RUNTIME.queue.entries
        if self.index >= len(entries) or entries[self.index].stand is not Stand.WAITING:
            return {"CANCELLED"}
        RUNTIME.queue.move(entries[self.index], self.steps)
        return {"FINISHED"}


class NLF_OT_remove_job(_Place, bpy.types.Operator):
    """Remove this job from the queue; a running one is stopped"""

    bl_idname = "nlf.remove_job"
    bl_label = "Remove"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove or stop it."""
        entries = RUNTIME.queue.entries
        if self.index >= len(entries):
            return {"CANCELLED"}
        entry = entries[self.index]
        if entry is RUNTIME.queue.current:
            RUNTIME.cancel()
            job_pump.start()
        else:
            RUNTIME.queue.remove(entry)
        return {"FINISHED"}


class NLF_OT_free_memory(bpy.types.Operator):
    """End the worker: the GPU's memory, and its own, become free. Footage under way can be resumed; the next job loads the model again"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.free_memory"
    bl_label = "Free GPU Memory"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not under a job that would be lost."""
        job = RUNTIME.job
        if RUNTIME.job_active and job is not None and not job.task.is_footage:
            cls.poll_message_set("A job is under way, and would be lost")
            return False
        return RUNTIME.worker_alive

    def execute(self, context: bpy.types.Context) -> set[str]:
        """End it."""
        RUNTIME.free_memory()
        job_pump.start()
        return {"FINISHED"}


CLASSES = (
    NLF_OT_cancel,
    NLF_OT_cancel_all,
    NLF_OT_pause,
    NLF_OT_go_on,
    NLF_OT_move_job,
    NLF_OT_remove_job,
    NLF_OT_free_memory,
)
