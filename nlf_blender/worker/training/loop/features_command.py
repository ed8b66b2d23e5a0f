# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train features`: caches what a run's frozen backbone says about its crops."""

from __future__ import annotations

import argparse
from pathlib import Path

from .run_command import add_machine_options, set_machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "config", type=Path, metavar="CONFIG", help="a run's settings, which name the caches"
    )
    add_machine_options(parser)


def run(options: argparse.Namespace) -> int:
    """Returns 0 once all crops are cached."""
    from .caching import cache_features
    from .run_file import read_run_settings

    device = set_machine(options)
    cache_features(read_run_settings(options.config), device)
    return 0
