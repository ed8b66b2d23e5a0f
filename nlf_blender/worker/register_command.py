# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker register`: fit a body to a scan in a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..protocol.scan_settings import AUTO_UNITS, UNITS, ScanSettings
from .body_option import add_body_options, body_name
from .progress import Progress
from .progress_line import ProgressLine, print_seconds

if TYPE_CHECKING:
    from ..protocol.registration import RegistrationInfo


def add_register_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    """Make the command known."""
    parser = commands.add_parser("register", help="a scan in, a fitted body out")
    parser.add_argument("scan", type=Path, metavar="SCAN", help="a .ply, .obj or .npz file")
    parser.add_argument("--out", type=Path, required=True, help="folder for the result")
    add_body_options(parser)
    parser.add_argument(
        "--partial", action="store_true", help="parts of the person are missing from the scan"
    )
    parser.add_argument(
        "--upright", action="store_true", help="the scan stands, y up; it may face anywhere"
    )
    parser.add_argument(
        "--units",
        default=AUTO_UNITS,
        choices=UNITS,
        help="of the scan's coordinates (default: chosen by its size)",
    )
    parser.set_defaults(run=_register)


def _register(options: argparse.Namespace) -> int:
    settings = ScanSettings(
        body=body_name(options),
        partial=options.partial,
        upright=options.upright,
        units=options.units,
    )
    from ..protocol.registration import read_info
    from .engine import Engine
    from .register_job import register_scan

    progress = Progress(listener=ProgressLine().show)
    folder = register_scan(options.scan, options.out, settings, Engine(), progress)
    print(folder)
    print(summary(read_info(folder)))
    print_seconds(progress.seconds)
    return 0


def summary(info: RegistrationInfo) -> str:
    """The figures of a result in words, a line each."""
    figures = info.figures
    lines = [
        f"distance of the scan to the body: mean {1000 * figures.mean_distance:.1f} mm, median "
        f"{1000 * figures.median_distance:.1f} mm, 95 % below {1000 * figures.p95_distance:.1f} mm"
    ]
    if info.undetermined:
        lines.append(f"the scan says nothing of: {', '.join(info.undetermined)}")
    return "\n".join([*lines, *info.notes])
