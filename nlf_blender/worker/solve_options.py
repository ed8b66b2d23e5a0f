# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line's options for the clean-up of motion."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..protocol.solve_settings import GROUNDS, SolveSettings

# option -> field of SolveSettings that it switches
SWITCHES = {
    "outliers": "reject_outliers",
    "flips": "repair_flips",
    "feet": "hold_feet",
    "shared-shape": "share_shape",
    "points": "points",
}


def add_solve_options(parser: argparse.ArgumentParser) -> None:
    """Make --smoothing, --ground, --gap, --keep-people and the switches known."""
    group = parser.add_argument_group("clean-up of motion (default: as before, or of new takes)")
    group.add_argument("--smoothing", type=float, help="strength, 0 to 1; 0 leaves the data alone")
    group.add_argument("--ground", choices=GROUNDS, help="how the ground is found")
    group.add_argument("--gap", type=float, dest="gap_seconds", help="longest gap to close, s")
    group.add_argument(
        "--keep-people", type=int, metavar="N", help="keep the N people who are seen longest"
    )
    for option, name in SWITCHES.items():
        group.add_argument(f"--{option}", dest=name, action=argparse.BooleanOptionalAction)


def solve_settings(options: argparse.Namespace, base: SolveSettings) -> SolveSettings:
    """The settings that were asked for; `base` says the others. UserError if one is wrong."""
    given = {name: getattr(options, name, None) for name in asdict(base)}
    given["max_people"] = options.keep_people
    chosen = {name: value for name, value in given.items() if value is not None}
    return SolveSettings(**{**asdict(base), **chosen})
