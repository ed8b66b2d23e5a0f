# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panels of the active take have in common: that there is none, that it cannot be read,
that it is being solved."""

from __future__ import annotations

import bpy

from ...bridge.queue import Stand
from ...errors import UserError
from ...scene import takes_in
from ..destination import Waiting
from ..drawing import draw_text
from ..jobs.import_context import hindrance
from ..jobs.job_view import draw_running
from ..jobs.runtime import RUNTIME
from .active_take import ActiveTake
from .solve_requests import REQUESTS, box_under_way


class TakePanel:
    """What the panels of the active take have in common: they are there with footage only."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "NLF"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is footage in the scene."""
        return bool(takes_in(context.scene))


def draw_no_take(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw what to do where no take is at hand."""
    text = "Select a person or a camera that was imported from footage"
    draw_text(layout, context, text, icon="INFO")


def draw_take_error(
    layout: bpy.types.UILayout, context: bpy.types.Context, take: ActiveTake, error: UserError
) -> None:
    """Draw why a take cannot be shown, and what helps."""
    detail, fix = error.detail, error.fix
    if not take.folder.is_dir():
        detail = f"{take.folder} is not there any more."
        fix = "Put the folder back there, or import the take from where it is now."
    box = layout.box()
    draw_text(box, context, detail, icon="ERROR")
    draw_text(box, context, fix, icon="FORWARD")


def solving(take: ActiveTake) -> bool:
    """Whether the take is being solved, or what was solved is about to be renewed in the scene."""
    entry = REQUESTS.at_work(take.folder)
    return entry is not None and not _waits(entry)


def _waits(entry: Waiting) -> bool:
    """Whether a job waits for that of another take."""
    current = RUNTIME.queue.current
    same = current is not None and current.task.take == entry.task.take
    return entry.stand is Stand.WAITING and not same


def draw_hindrance(
    layout: bpy.types.UILayout, context: bpy.types.Context, take: ActiveTake
) -> None:
    """Draw what a solution waits for, if it does, or what it lacks. One that is under way draws
    nothing, so that nothing moves under the mouse at every touch of a slider."""
    entry = REQUESTS.at_work(take.folder)
    if entry is None:
        solution = take.solution()
        if solution is not None and solution.points_due and not box_under_way(take.folder):
            text = "Meshes and markers do not have this motion yet: click Solve"
            draw_text(layout, context, text, icon="ERROR")
        return
    if _waits(entry):
        draw_text(layout, context, "Waits for the job under way", icon="TIME")
    elif entry.stand is Stand.TO_IMPORT and hindrance():
        draw_text(layout, context, f"Solved. Waits for {hindrance()}.", icon="TIME")


def draw_box_job(layout: bpy.types.UILayout, context: bpy.types.Context, take: ActiveTake) -> None:
    """Draw the job of a hand-drawn box of the take, if there is one."""
    entry = box_under_way(take.folder)
    if entry is None:
        return
    if entry.job is not None and entry.job.active:
        draw_running(layout, entry.job)
    else:
        draw_text(layout, context, "The box waits in the queue", icon="TIME")
