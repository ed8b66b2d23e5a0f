# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of jobs in line: what each is, how far it is, what went wrong."""

from __future__ import annotations

import bpy

from ...bridge.queue import Stand
from ...bridge.task import BOXES, SOLVE
from ..destination import Waiting
from ..drawing import draw_text
from .queue_unfinished import TAKES
from .runtime import RUNTIME

MOST_SHOWN = 12
ICONS = {
    Stand.WAITING: "TIME",
    Stand.RUNNING: "PLAY",
    Stand.TO_IMPORT: "IMPORT",
    Stand.DONE: "CHECKMARK",
    Stand.FAILED: "ERROR",
    Stand.CANCELLED: "X",
}


def listed() -> list[Waiting]:
    """The jobs that the list shows: not those that only follow a slider."""
    return [e for e in RUNTIME.queue.entries if e.task.command not in (SOLVE, BOXES)]


def draw_queue(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the list, if there is more in it than the one job that the panel shows anyway."""
    entries = listed()
    if len(entries) < 2 and not RUNTIME.queue.held:
        return
    box = layout.box()
    header = box.row()
    over = sum(entry.over for entry in entries)
    title = "Paused" if RUNTIME.queue.held else "Queue"
    header.label(text=f"{title}: {over} of {len(entries)} finished")
    if RUNTIME.queue.held:
        header.operator("nlf.go_on", text="", icon="PLAY")
    elif RUNTIME.queue.busy:
        header.operator("nlf.pause", text="", icon="PAUSE")
    header.operator("nlf.cancel_all", text="", icon="CANCEL")
    start = max(0, min(over - 2, len(entries) - MOST_SHOWN))
    if start:
        box.label(text=f"{start} before")
    for entry in entries[start : start + MOST_SHOWN]:
        _draw_entry(box, context, entry)
    rest = len(entries) - start - MOST_SHOWN
    if rest > 0:
        box.label(text=f"{rest} more")


def _draw_entry(layout: bpy.types.UILayout, context: bpy.types.Context, entry: Waiting) -> None:
    index = RUNTIME.queue.entries.index(entry)
    row = layout.row(align=True)
    row.label(text=entry.task.title, icon=ICONS[entry.stand], translate=False)
    if entry.stand is Stand.RUNNING and entry.job is not None:
        paused = ", paused" if entry.job.paused else ""
        row.label(text=f"{entry.job.fraction:.0%}{paused}")
    if entry.stand is Stand.WAITING:
        for steps, icon in ((-1, "TRIA_UP"), (1, "TRIA_DOWN")):
            move = row.operator("nlf.move_job", text="", icon=icon, emboss=False)
            move.index, move.steps = index, steps
    row.operator("nlf.remove_job", text="", icon="X", emboss=False).index = index
    if entry.error is not None:
        draw_text(layout, context, f"{entry.error.title}: {entry.error.detail}", alert=True)


def draw_unfinished(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the takes in the takes folder that can be gone on with."""
    takes = TAKES.of(context.scene.nlf.takes_folder())
    if not takes:
        return
    box = layout.box()
    box.label(text="Unfinished Takes", icon="RECOVER_LAST")
    for take in takes[:MOST_SHOWN]:
        row = box.row(align=True)
        row.label(text=take.folder.stem, translate=False)
        row.label(text=f"{take.done} of {take.total} frames")
        row = box.row(align=True)
        folder = str(take.folder)
        row.operator("nlf.resume", icon="PLAY").take = folder
        part = row.row(align=True)
        part.enabled = take.done > 0
        part.operator("nlf.import_unfinished", text="Import", icon="IMPORT").take = folder
        row.operator("nlf.delete_unfinished", text="", icon="TRASH").take = folder
    if len(takes) > MOST_SHOWN:
        box.label(text=f"{len(takes) - MOST_SHOWN} more")
