# SPDX-License-Identifier: GPL-3.0-or-later
"""The option for the point sets that are localized beside the body."""

from __future__ import annotations

import argparse

from .markers.preset_files import preset_names


def add_sets_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Make --markers known, a list of paths or names of presets. what: what is done with a set, in
    which {} stands for what a set may be."""
    kinds = "a marker set (.json, .csv), a point set (.npz), or one of " + ", ".join(preset_names())
    parser.add_argument(
        "--markers",
        nargs="+",
        action="extend",
        default=[],
        metavar="SET",
        help=what.format(kinds),
    )
