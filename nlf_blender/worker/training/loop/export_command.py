# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train export`: a run's averaged model as one native file."""

from __future__ import annotations

import argparse
from pathlib import Path

from ....errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run's folder")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--name", help="the model's name (default: the run's)")
    parser.add_argument("--license", default="GPL-3.0-or-later", help="terms of the file")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")


def run(options: argparse.Namespace) -> int:
    """Returns 0 once the file is written."""
    if options.out.exists() and not options.force:
        raise UserError(
            "File already there",
            f"{options.out} exists and is not replaced unasked.",
            "Choose another name, or add --force.",
        )
    from .export import export_run

    export_run(options.run_folder, options.out, options.name, options.license)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")
    return 0
