# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands `worker export`, a take's markers for other programs, and `worker import`, their
markers for Blender."""

from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..protocol.marker_motion import MarkerMotion

FORMATS = ("trc", "c3d", "csv", "json")
UNITS = ("mm", "m")
AXES = ("z-up", "y-up")
ALL = "all"


def add_export_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Make the commands known."""
    _add_export(commands)
    bring = commands.add_parser("import", help="markers of other programs for Blender")
    bring.add_argument("file", type=Path, metavar="FILE", help="a .trc, .c3d, .csv or .json file")
    bring.add_argument("--out", type=Path, required=True, metavar="NPZ")
    bring.add_argument("--units", choices=UNITS, help="default: what the file says")
    bring.add_argument("--axes", choices=AXES, help="default: what the file says; y-up in TRC")
    bring.add_argument("--json", action="store_true", help="print one line of JSON")
    bring.set_defaults(run=_import)


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    export = commands.add_parser("export", help="a take's markers for other programs")
    export.add_argument("take", type=Path, metavar="TAKE")
    export.add_argument("--format", required=True, choices=FORMATS)
    what = export.add_mutually_exclusive_group()
    what.add_argument(
        "--set",
        dest="set_name",
        default="",
        metavar="NAME",
        help="a point set of the take (default: the only one, or the joints where there is none)",
    )
    what.add_argument("--joints", action="store_true", help="the body's own joints")
    export.add_argument(
        "--person", type=read_person, metavar="ID|all", help="whose (default: all who are kept)"
    )
    export.add_argument(
        "--out", type=Path, metavar="FILE", help="or a folder (default: beside the take)"
    )
    export.add_argument(
        "--units", choices=UNITS, help="default: mm in TRC and C3D, m in CSV and JSON"
    )
    export.add_argument("--axes", choices=AXES, help="default: y-up in TRC, else z-up")
    gaps = export.add_mutually_exclusive_group()
    gaps.add_argument(
        "--gap-above",
        type=read_metres,
        metavar="METRES",
        help="what is more uncertain is a gap (default: what was not seen)",
    )
    gaps.add_argument(
        "--fill", action="store_true", help="no gaps: what was not seen follows the body"
    )
    export.add_argument(
        "--rate", type=float, metavar="HZ", help="frames a second (default: the take's)"
    )
    export.add_argument("--json", action="store_true", help="print one line of JSON")
    export.set_defaults(run=_export)


def read_person(text: str) -> int | None:
    """A person's id, or None for all."""
    if text == ALL:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is neither an id nor {ALL}") from error


def read_metres(text: str) -> float:
    """An uncertainty, in metres."""
    try:
        metres = float(text)
    except ValueError:
        metres = math.nan
    if not 0.0 < metres < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of metres above 0")
    return metres


def _export(options: argparse.Namespace) -> int:
    from .exchange.files import write_markers
    from .exchange.forms import form_of
    from .exchange.motion_of_take import Gaps, motion_of_take
    from .exchange.tracks import Wanted

    wanted = Wanted(options.set_name, options.joints, options.person)
    gaps = Gaps(options.gap_above, options.fill)
    motion = motion_of_take(options.take, wanted, gaps, options.rate)
    default = default_path(options.take, motion.name, options.format)
    out = options.out or default
    out = out / default.name if out.is_dir() else out
    form = form_of(options.format, options.units, options.axes)
    files, notes = write_markers(out, motion, options.format, form)
    notes = [*motion.notes, *notes]
    size = {"markers": motion.marker_count, "frames": motion.frame_count, "rate": motion.rate}
    if options.json:
        print(json.dumps({"files": [str(path) for path in files], "notes": notes, **size}))
    else:
        rate = f"{motion.rate:.6g} frames a second, {form.units}, {form.axes}"
        _print_lines(*files, f"{_size(motion)}, {rate}")
        _print_lines(*notes)
    return 0


def default_path(take: Path, set_name: str, kind: str) -> Path:
    """Where an export goes if nobody says: beside the take, named after it and the set."""
    folder = take.resolve()
    name = re.sub(r"[^\w-]+", "_", set_name).strip("_")
    return folder.with_name(f"{folder.stem}_{name or 'markers'}.{kind}")


def _import(options: argparse.Namespace) -> int:
    from ..errors import UserError
    from ..protocol.marker_motion import write_marker_motion
    from .exchange.files import read_markers

    motion = read_markers(options.file, options.units, options.axes)
    try:
        write_marker_motion(options.out, motion)
    except OSError as error:
        raise UserError(
            "File not written", f"{options.out}: {error.strerror}.", "Choose another file."
        ) from error
    size = {"markers": motion.marker_count, "frames": motion.frame_count, "rate": motion.rate}
    if options.json:
        print(json.dumps({"file": str(options.out), "notes": list(motion.notes), **size}))
    else:
        people = ", ".join(track.person for track in motion.people if track.person)
        of = f" of {people}" if people else ""
        rate = f"{motion.rate:.6g} frames a second"
        _print_lines(options.out, f"{_size(motion)}{of}, {rate}", *motion.notes)
    return 0


def _size(motion: MarkerMotion) -> str:
    """How much it is, in words."""
    markers, frames = motion.marker_count, motion.frame_count
    return f"{markers} marker{'s' * (markers != 1)}, {frames} frame{'s' * (frames != 1)}"


def _print_lines(*lines: object) -> None:
    for line in lines:
        print(line)
