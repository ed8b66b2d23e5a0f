# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line's way to name a body: the open one, a file, or one out of a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..body.model_folder import GENDERS, KIND_TITLES, choose_body


def add_body_options(parser: argparse.ArgumentParser) -> None:
    """Make --body, --body-kind and --gender known."""
    parser.add_argument(
        "--body", default="open", help="open, a body file, or a folder of SMPL-family files"
    )
    parser.add_argument(
        "--body-kind", default="smpl", choices=tuple(KIND_TITLES), help="which of a folder's bodies"
    )
    parser.add_argument("--gender", default="neutral", choices=GENDERS, help="likewise")


def body_name(options: argparse.Namespace) -> str:
    """The body as settings name it: "open" or a file. UserError if the folder has no such body."""
    folder = Path(options.body)
    if options.body != "open" and folder.is_dir():
        return str(choose_body(folder, options.body_kind, options.gender))
    return options.body


def add_body_folder_option(parser: argparse.ArgumentParser) -> None:
    """Make --body-folder known."""
    parser.add_argument(
        "--body-folder",
        action="append",
        default=[],
        metavar="FOLDER",
        help="with files of SMPL, SMPL-H or SMPL-X that marker sets were placed on",
    )


def body_folders(options: argparse.Namespace) -> tuple[str, ...]:
    """Where files of further bodies are, as settings name it; the folder that --body is, too."""
    own = [options.body] if Path(options.body).is_dir() else []
    return (*options.body_folder, *own)
