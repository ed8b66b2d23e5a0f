# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that go on with a take of footage: `worker resume`, `worker solve` and
`worker boxes`."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from .progress import Progress
from .progress_line import ProgressLine, print_seconds
from .solve_options import add_solve_options, solve_settings

if TYPE_CHECKING:
    from ..protocol.edits import Edit
    from .footage.boxes_job import HandBox

# option -> its form, help
EDIT_OPTIONS = {
    "merge": ("A,B", "person B is person A"),
    "split": ("ID@FRAME", "from this frame on it is somebody else"),
    "drop": ("ID", "leave a person out"),
    "keep": ("ID", "have a person in"),
    "rename": ("ID=NAME", "call a person so"),
}


def add_solve_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Make the commands known."""
    resume = commands.add_parser("resume", help="go on with a take of footage")
    resume.add_argument("take", type=Path, metavar="TAKE")
    resume.add_argument("--source", type=Path, help="where the footage is now")
    resume.add_argument("--changed", action="store_true", help="though it is not what it was")
    resume.set_defaults(run=_resume)
    solve = commands.add_parser("solve", help="clean the motion of a take up again")
    solve.add_argument("take", type=Path, metavar="TAKE")
    for kind, (form, text) in EDIT_OPTIONS.items():
        solve.add_argument(
            f"--{kind}",
            dest="edits",
            action="append",
            default=[],
            type=functools.partial(read_edit, kind),
            metavar=form,
            help=text,
        )
    solve.add_argument("--no-edits", action="store_true", help="forget all edits made before")
    add_solve_options(solve)
    solve.set_defaults(run=_solve)
    boxes = commands.add_parser("boxes", help="add people where the detector failed")
    boxes.add_argument("take", type=Path, metavar="TAKE")
    boxes.add_argument(
        "--box",
        dest="boxes",
        action="append",
        required=True,
        metavar="FRAME:x0,y0,x1,y1[:PERSON]",
        help="in pixels; PERSON: their id, if they are known",
    )
    add_solve_options(boxes)
    boxes.set_defaults(run=_boxes)


def read_edit(kind: str, text: str) -> Edit:
    """An edit as an option has it."""
    from ..protocol.edits import Edit

    try:
        if kind == "merge":
            person, other = (int(part) for part in text.split(","))
            if person == other:
                raise ValueError("a person is that person already")
            return Edit(kind, person, other=other)
        if kind == "split":
            person, frame = text.split("@")
            return Edit(kind, int(person), frame=int(frame))
        if kind == "rename":
            person, name = text.split("=", 1)
            return Edit(kind, int(person), name=name)
        return Edit(kind, int(text))
    except ValueError as error:
        form = EDIT_OPTIONS[kind][0]
        raise argparse.ArgumentTypeError(f"'{text}' is not {form}") from error


def _resume(options: argparse.Namespace) -> int:
    from .engine import Engine
    from .footage.resume import resume_take

    progress = Progress(listener=ProgressLine().show)
    print(resume_take(options.take, options.source, options.changed, Engine(), progress))
    print_seconds(progress.seconds)
    return 0


def _solve(options: argparse.Namespace) -> int:
    from ..protocol.edits import read_edits
    from .solved_before import settings_before

    settings = solve_settings(options, settings_before(options.take))
    before = () if options.no_edits else read_edits(options.take)
    from .engine import Engine
    from .footage.solve_job import solve_again

    progress = Progress(listener=ProgressLine().show)
    solve_again(options.take, (*before, *options.edits), settings, Engine(), progress)
    print_people(options.take)
    print_seconds(progress.seconds)
    return 0


def _boxes(options: argparse.Namespace) -> int:
    from ..protocol.edits import read_edits
    from .solved_before import settings_before

    boxes = [read_box(text) for text in options.boxes]
    settings = solve_settings(options, settings_before(options.take))
    from .engine import Engine
    from .footage.boxes_job import localize_boxes

    progress = Progress(listener=ProgressLine().show)
    edits = read_edits(options.take)
    localize_boxes(options.take, boxes, edits, settings, Engine(), progress)
    print_people(options.take)
    print_seconds(progress.seconds)
    return 0


def read_box(text: str) -> HandBox:
    """A box of the command line. UserError with the right form if it has another."""
    from .footage.boxes_job import HandBox

    try:
        frame, box, *person = text.split(":")
        data = {"frame": int(frame), "box": [float(number) for number in box.split(",")]}
        if len(person) > 1:
            raise ValueError("it has more than three parts")
        return HandBox.from_json({**data, **({"person": int(person[0])} if person else {})})
    except ValueError as error:
        raise UserError(
            "Box not readable",
            f"'{text}': {error}.",
            "Write it as FRAME:x0,y0,x1,y1 or FRAME:x0,y0,x1,y1:PERSON.",
        ) from error


def print_people(take: Path) -> None:
    """Show who is in a take's solution, a line each."""
    from ..protocol.solution import read_solution

    for person in read_solution(take).people:
        first, last = person.frames
        seen = f"frames {first} to {last}, seen in {person.sightings}"
        print(f"{person.id}: {person.name}, {seen}{'' if person.kept else ', not kept'}")
