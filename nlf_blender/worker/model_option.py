# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line's options for what an official model needs beside its file."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_model_data_option(parser: argparse.ArgumentParser) -> None:
    """Make --model-data known."""
    parser.add_argument(
        "--model-data",
        type=Path,
        metavar="FOLDER",
        help="official data files that a crop checkpoint needs (default: beside it)",
    )


def add_trust_option(parser: argparse.ArgumentParser) -> None:
    """Make --trust known."""
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="SHA256",
        help="run the code in the TorchScript file with this hash (see: inspect)",
    )
