# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker report`: how good the motion of a take is, before and after the clean-up."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..protocol.json_fields import Json, as_object

if TYPE_CHECKING:
    from ..protocol.solution import SolutionInfo

# key in the report -> what it is called, its unit
FIGURES = {
    "jitter_m_s2": ("jitter", "m/s2"),
    "foot_slide_cm_s": ("foot slide in contacts", "cm/s"),
    "ground_penetration_mm": ("ground penetration", "mm"),
    "ground_penetration_worst_mm": ("ground penetration, worst", "mm"),
    "reprojection_px": ("reprojection error", "px"),
    "reprojection_median_px": ("reprojection error, median", "px"),
}
UNKNOWN = "-"


def add_report_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Make the command known."""
    parser = commands.add_parser("report", help="how good the motion of a take is")
    parser.add_argument("take", type=Path, metavar="TAKE")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from ..protocol.solution import read_solution
    from ..protocol.take import read_info

    read_info(options.take)  # a folder that is no take is told of as such
    solution = read_solution(options.take)
    if solution.report is None:
        raise UserError(
            "No report", f"The solution of {options.take} has none.", "Solve the take again."
        )
    if options.json:
        print(json.dumps(solution.report))
    else:
        print("\n".join(report_lines(solution, solution.report)))
    return 0


def report_lines(solution: SolutionInfo, report: Json) -> list[str]:
    """A report in words: a table for the take, and for every person."""
    people = as_object(report.get("people", {}), "people")
    names = {str(person.id): person.name for person in solution.people}
    lines = table("All", as_object(report.get("take"), "take"))
    for number, part in people.items():
        lines += ["", *table(f"{names.get(number, number)} ({number})", as_object(part, "person"))]
    return [*lines, "", f"Ground: {solution.ground}"]


def table(title: str, part: Json) -> list[str]:
    """Heading and figures, a line each."""
    before, after = (as_object(part.get(when), when) for when in ("before", "after"))
    frames, blind = part.get("frames"), part.get("frames_without_evidence")
    lines = [
        f"{title}: {frames} frames, {blind} of them without evidence",
        f"  {'':<28}{'before':>10}{'after':>10}",
    ]
    for key, (name, unit) in FIGURES.items():
        values = "".join(f"{_text(half.get(key)):>10}" for half in (before, after))
        lines.append(f"  {name:<28}{values} {unit}")
    return lines


def _text(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, (int, float)) else UNKNOWN
