# SPDX-License-Identifier: GPL-3.0-or-later
"""The Report panel: how good the motion is, before and after the clean-up.

A figure is marked where a look at the footage is worth while: feet that slide faster than 2 cm/s
while they stand, or sink more than 2 cm into the ground; joints that miss the image by more than a
hundredth of its larger side; a tenth of the frames without evidence; jitter that the clean-up did
not lower.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import bpy

from ...errors import UserError
from ...protocol.json_fields import Json
from ...protocol.solution import SOLUTION_FILE, SOLUTION_FOLDER, SolutionInfo
from ...protocol.take import SourceInfo
from ..drawing import draw_text
from .active_take import ActiveTake, active_take, person_with
from .take_properties import active_person
from .take_store import STORE
from .take_view import TakePanel, draw_no_take, draw_take_error

SLIDE_LIMIT = 2.0  # cm/s
PENETRATION_LIMIT = 20.0  # mm
REPROJECTION_LIMIT = 0.01  # of the image's larger side
EVIDENCE_LIMIT = 0.1  # of the frames
UNKNOWN = "-"
# name in the report, text with unit, decimals
FIGURES = (
    ("jitter_m_s2", "Jitter, m/s²", 1),
    ("foot_slide_cm_s", "Foot Slide, cm/s", 1),
    ("ground_penetration_mm", "Penetration, mm", 0),
    ("ground_penetration_worst_mm", "Deepest, mm", 0),
    ("reprojection_px", "Reprojection, px", 1),
)


@dataclass(frozen=True)
class Row:
    """A line of the table. bad: whether its icon says so; None where nothing is known."""

    text: str
    before: str
    after: str
    bad: bool | None


def report_rows(part: Json, source: SourceInfo) -> list[Row]:
    """The table of a person or of the whole take, out of the solution's report."""
    before, after = _object(part.get("before")), _object(part.get("after"))
    limits = {
        "jitter_m_s2": _number(before.get("jitter_m_s2")),
        "foot_slide_cm_s": SLIDE_LIMIT,
        "ground_penetration_mm": PENETRATION_LIMIT,
        "ground_penetration_worst_mm": None,
        "reprojection_px": REPROJECTION_LIMIT * max(source.width, source.height),
    }
    rows = [
        Row(
            text,
            _text(before.get(name), decimals),
            _text(after.get(name), decimals),
            _exceeds(_number(after.get(name)), limits[name]),
        )
        for name, text, decimals in FIGURES
    ]
    frames, unseen = _number(part.get("frames")), _number(part.get("frames_without_evidence"))
    share = None if not frames or unseen is None else unseen / frames
    text = UNKNOWN if share is None else f"{unseen:.0f} of {frames:.0f}"
    return [*rows, Row("Frames Not Seen", "", text, _exceeds(share, EVIDENCE_LIMIT))]


def report_part(report: Json | None, person: int | None) -> Json | None:
    """What a solution's report says of a person, of the whole take if None; None if nothing."""
    whole = _object(report)
    part = whole.get("take")
    if person is not None:
        part = _object(whole.get("people")).get(str(person))
    return _object(part) or None


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else None  # type: ignore[arg-type]  # it is one


def _text(value: object, decimals: int) -> str:
    number = _number(value)
    return UNKNOWN if number is None else f"{number:.{decimals}f}"


def _exceeds(value: float | None, limit: float | None) -> bool | None:
    return None if value is None or limit is None else value > limit


class NLF_PT_report(TakePanel, bpy.types.Panel):
    """How good the motion is."""

    bl_label = "Report"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, take = self.layout, active_take(context)
        if take is None:
            draw_no_take(layout, context)
            return
        try:
            solution, source = STORE.solution(take.folder), STORE.info(take.folder).source
        except UserError as error:
            draw_take_error(layout, context, take, error)
            return
        info = person_with(solution, active_person(context))
        if info is not None:
            part = report_part(solution.report, info.id)
            _draw_table(layout, info.name, part, source)
        _draw_table(layout, take.folder.stem, report_part(solution.report, None), source)
        _draw_facts(layout, context, take, solution)
        row = layout.row(align=True)
        row.operator("nlf.copy_report", icon="COPYDOWN")
        row.operator("nlf.open_report", icon="FILE_TEXT")


def _draw_table(
    layout: bpy.types.UILayout, title: str, part: Json | None, source: SourceInfo
) -> None:
    box = layout.box()
    _draw_row(box, (title, "Before", "After"), "BLANK1", head=True)
    if part is None:
        box.label(text="Nothing is known of them", icon="QUESTION")
        return
    column = box.column(align=True)
    for row in report_rows(part, source):
        icon = "BLANK1" if row.bad is None else "ERROR" if row.bad else "CHECKMARK"
        _draw_row(column, (row.text, row.before, row.after), icon)


def _draw_row(
    layout: bpy.types.UILayout, texts: tuple[str, str, str], icon: str, head: bool = False
) -> None:
    split = layout.split(factor=0.46)
    split.label(text=texts[0], translate=not head)
    values = split.row()
    for text in filter(None, texts[1:]):
        cell = values.row()
        cell.alignment = "RIGHT"
        cell.label(text=text, translate=head)
    values.label(text="", icon=icon)


def _draw_facts(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    take: ActiveTake,
    solution: SolutionInfo,
) -> None:
    draw_text(layout, context, f"Ground: {solution.ground}", icon="GRID")
    if solution.cuts:
        cuts = ", ".join(str(take.scene_frame(cut)) for cut in solution.cuts[:12])
        more = f" and {len(solution.cuts) - 12} more" if len(solution.cuts) > 12 else ""
        draw_text(layout, context, f"Cuts at frames {cuts}{more}", icon="SEQ_SEQUENCER")
    if solution.missing:
        text = f"{len(solution.missing)} frames could not be read"
        draw_text(layout, context, text, icon="ERROR")


class NLF_OT_copy_report(bpy.types.Operator):
    """Copy the report as JSON, with all figures"""

    bl_idname = "nlf.copy_report"
    bl_label = "Copy"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a report."""
        return _has_report(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Put it on the clipboard."""
        take = active_take(context)
        solution = take.solution() if take else None
        if solution is None:
            return {"CANCELLED"}
        context.window_manager.clipboard = json.dumps(solution.report, indent=1)
        self.report({"INFO"}, "The report is on the clipboard")
        return {"FINISHED"}


class NLF_OT_open_report(bpy.types.Operator):
    """Open the file that holds the report"""

    bl_idname = "nlf.open_report"
    bl_label = "Open File"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a report."""
        return _has_report(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Open it with the system's program for JSON."""
        take = active_take(context)
        path = None if take is None else take.folder / SOLUTION_FOLDER / SOLUTION_FILE
        if path is None or not path.is_file():
            self.report({"WARNING"}, "The take has no solution any more")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(path))
        return {"FINISHED"}


def _has_report(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    take = active_take(context)
    solution = take.solution() if take else None
    if solution is None or solution.report is None:
        cls.poll_message_set("The take has no report yet: solve it")
        return False
    return True


CLASSES = (NLF_PT_report, NLF_OT_copy_report, NLF_OT_open_report)
