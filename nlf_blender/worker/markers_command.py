# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands `worker markers add`, `worker markers convert` and `worker markers check`."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..protocol.marker_axes import BLENDER_AXES, METRES, SMPL_AXES, axes_matrix
from ..protocol.marker_files import TableOptions, read_markers, write_markers
from ..protocol.marker_set import BODIES, MarkerSet
from .body_option import add_body_folder_option
from .markers.preset_files import marker_file, preset_names
from .sets_option import add_sets_option

if TYPE_CHECKING:
    from .markers.known_bodies import KnownBodies

EXIT_FAR = 1


def add_markers_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    """Make the commands known."""
    parser = commands.add_parser("markers", help="marker sets and their files")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_add(actions)
    _add_convert(actions)
    _add_check(actions)


def _add_add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "add", help="localize sets in a take that is there, or take some out of it"
    )
    parser.add_argument("take", type=Path, metavar="TAKE")
    add_sets_option(parser, "{}; it replaces one of the same name")
    parser.add_argument(
        "--remove", action="append", default=[], metavar="NAME", help="a set that the take loses"
    )
    parser.add_argument(
        "--force", action="store_true", help="localize markers far from the body, too"
    )
    parser.add_argument("--source", type=Path, help="where the take's source is now")
    add_body_folder_option(parser)
    parser.set_defaults(run=_add)


def _add_convert(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "convert", help="a marker set into another kind of file, or onto another canonical body"
    )
    _add_source(parser)
    parser.add_argument("out", type=Path, metavar="B", help="the .json or .csv file to write")
    parser.add_argument(
        "--body", choices=BODIES, help="the canonical body that B is on (default: that of A)"
    )
    parser.add_argument("--out-units", choices=METRES, default="m", help="of a table B (default m)")
    parser.add_argument("--out-axes", type=_axes, default=SMPL_AXES, help="of a table B, likewise")
    parser.add_argument("--name", default="", help="the set's name (default: as in A)")
    parser.add_argument("--force", action="store_true", help="replace B if it is there")
    parser.set_defaults(run=_convert)


def _add_check(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "check", help="whether a marker set can be localized, and what is not symmetric in it"
    )
    _add_source(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.set_defaults(run=_check, name="")


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="A",
        help="a marker set (.json), a table of positions or of vertex numbers (.json, .csv), or "
        f"one of {', '.join(preset_names())}",
    )
    parser.add_argument(
        "--body-file",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a file of SMPL, SMPL-H or SMPL-X, for sets on it; may be given for several bodies",
    )
    parser.add_argument(
        "--of", choices=BODIES, default="", help="the canonical body that a table A is of"
    )
    parser.add_argument(
        "--units", choices=METRES, default="", help="of a table A (default: its header's, or m)"
    )
    parser.add_argument(
        "--axes",
        type=_axes,
        default=SMPL_AXES,
        help="where x, y and z of a table A point, of the body's own sides (default "
        f"{SMPL_AXES}; Blender: {BLENDER_AXES})",
    )


def _axes(text: str) -> str:
    try:
        axes_matrix(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _add(options: argparse.Namespace) -> int:
    if not (options.markers or options.remove):
        raise UserError(
            "No sets", "Nothing was named to add or to remove.", "Give --markers or --remove."
        )
    from ..protocol.take_sets import take_sets
    from .engine import Engine
    from .markers.points_job import localize_points
    from .progress import Progress
    from .progress_line import ProgressLine, print_seconds

    progress = Progress(listener=ProgressLine().show)
    localize_points(
        options.take,
        [str(marker_file(text)) for text in options.markers],
        options.remove,
        Engine(),
        progress,
        source=options.source,
        force=options.force,
        body_folders=options.body_folder,
    )
    print(options.take)
    for info in take_sets(options.take).values():
        print(f"{info.name}: {info.count} points")
        for note in info.notes:
            print(f"  {note}")
    print_seconds(progress.seconds)
    return 0


def _convert(options: argparse.Namespace) -> int:
    out: Path = options.out
    if out.exists() and not options.force:
        raise UserError(
            "File already there",
            f"{out} exists and is not replaced unasked.",
            "Choose another name, or add --force.",
        )
    from .markers.other_body import on_other_body
    from .take_writer import disk_errors

    bodies, markers = _read(options)
    found = on_other_body(markers, options.body or markers.body, bodies)
    with disk_errors(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_markers(out, found.markers, unit=options.out_units, axes=options.out_axes)
    print(out)
    print(f"{len(found.markers.markers)} markers on the canonical body '{found.markers.body}'")
    if found.note:
        print(found.note)
    return 0


def _check(options: argparse.Namespace) -> int:
    from .markers.check import check_markers

    bodies, markers = _read(options)
    own = bodies.own_of(markers) if bodies.has(markers.body) else None
    found = check_markers(markers, own)
    print(json.dumps(found.to_json()) if options.json else "\n".join(found.lines()))
    return EXIT_FAR if found.far else 0


def _read(options: argparse.Namespace) -> tuple[KnownBodies, MarkerSet]:
    from .markers.known_bodies import KnownBodies

    bodies = KnownBodies(options.body_file)
    shown = TableOptions(options.of, options.units, options.axes, options.name)
    markers = read_markers(marker_file(options.source), bodies.vertices, shown)
    return bodies, replace(markers, gender=markers.gender or bodies.gender(markers.body))
