# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job is shown in the panel that it was started from: progress, waiting, failure."""

from __future__ import annotations

import bpy

from ...bridge.job import Job
from ...bridge.task import LOCALIZE, RESUME, SOLVE
from ...protocol.messages import SOLVE_STAGES, STARTING
from ...protocol.settings import SOURCE_CHANGED
from ...scene import takes_in
from ..drawing import draw_error, draw_text, duration
from .import_context import hindrance
from .problem import FILES, Problem
from .runtime import RUNTIME

_ALSO = {LOCALIZE: (RESUME,)}  # commands whose errors are shown in this one's panel


def draw_job(layout: bpy.types.UILayout, context: bpy.types.Context, command: str) -> bool:
    """Draw the job of this kind that is under way, if there is one. Whether there is."""
    job = RUNTIME.job
    if job is None or _panel_of(job, context.scene) != command:
        return False
    if job.active:
        draw_running(layout, job)
        return True
    entry = RUNTIME.to_import
    if entry is not None and entry.job is job:
        draw_text(layout, context, f"Done. Import waits for {hindrance()}.", icon="TIME")
        layout.operator("nlf.cancel", icon="CANCEL")
        return True
    return False


def _panel_of(job: Job, scene: bpy.types.Scene) -> str:
    """The command whose panel shows a job: a take that is not in the scene yet has no panels of its
    own."""
    new = job.task.command == SOLVE and job.task.take not in takes_in(scene)
    return LOCALIZE if new or job.task.command == RESUME else job.task.command


def draw_running(layout: bpy.types.UILayout, job: Job) -> None:
    """Draw how far a running job is, and what stops it."""
    steps = f" {job.done}/{job.total}" if job.total > 1 else ""
    stage = f"Paused: {job.stage}" if job.paused else job.stage
    layout.progress(factor=job.fraction, text=f"{stage}{steps}")
    row = layout.row()
    row.label(text=_found(job))
    if job.seconds_left is not None:
        right = row.row()
        right.alignment = "RIGHT"
        right.label(text=f"about {duration(job.seconds_left)} left")
    row = layout.row(align=True)
    row.scale_y = 1.5
    if job.paused:
        row.operator("nlf.go_on", icon="PLAY")
    elif job.task.is_footage:
        row.operator("nlf.pause", icon="PAUSE")
    row.operator("nlf.cancel", icon="CANCEL")


def _found(job: Job) -> str:
    if job.task.command not in (LOCALIZE, RESUME) or job.stage == STARTING:
        return ""
    if job.stage in SOLVE_STAGES and job.task.is_footage:
        return ""
    people = "person" if job.people == 1 else "people"
    return f"{job.people} {people} found" if job.people else "Looking for people"


def draw_problem(layout: bpy.types.UILayout, context: bpy.types.Context, command: str) -> None:
    """Draw what went wrong with jobs of this kind, if something did."""
    problem = RUNTIME.problem
    if problem is None:
        return
    homeless = problem.command == SOLVE and command == LOCALIZE and not takes_in(context.scene)
    if homeless or problem.command in (command, *_ALSO.get(command, ())):
        _draw_box(layout, context, problem)


def _draw_box(layout: bpy.types.UILayout, context: bpy.types.Context, problem: Problem) -> None:
    box = draw_error(layout, context, problem.error, close="nlf.dismiss")
    row = box.row(align=True)
    if problem.log is not None:
        row.operator("nlf.open_log", text="Log", icon="TEXT").path = str(problem.log)
    row.operator("nlf.copy_details", text="Copy", icon="COPYDOWN")
    if problem.command == FILES:
        return
    if problem.error.title == SOURCE_CHANGED:
        box.operator("nlf.resume_changed", icon="PLAY")
    if problem.of_preferences:
        box.operator("nlf.preferences", text="Open Preferences", icon="PREFERENCES")
    else:
        row.operator("nlf.preferences", text="", icon="PREFERENCES")
