# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker inspect`: what a model or body file is, and what it lacks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import UserError
from ..protocol.files import file_sha256
from .description import Description
from .model_option import add_model_data_option

BODY_SUFFIXES = (".npz", ".pkl")


def add_inspect_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Make the command known."""
    parser = commands.add_parser("inspect", help="say what a model or body file is")
    parser.add_argument("file", type=Path, metavar="FILE", help="a checkpoint or body file")
    add_model_data_option(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.set_defaults(run=_inspect)


def _inspect(options: argparse.Namespace) -> int:
    path: Path = options.file
    try:
        description = describe(path, options.model_data)
        digest = file_sha256(path)
    except UserError as error:
        if options.json:
            print(json.dumps({"error": error.to_json()}))
        raise
    if options.json:
        print(json.dumps({"path": str(path), "sha256": digest, **description.to_json()}))
    else:
        print(as_text(path, digest, description))
    return 0


def describe(path: Path, data_folder: Path | None = None) -> Description:
    """What a file is, by its content; by its name where that is cut off or of no known kind.

    UserError if it is neither a model nor a body.
    """
    from .nlf.file_kind import FileKind, file_kind  # loads torch

    if path.is_dir():
        raise UserError("A folder, not a file", f"{path} is a folder.", "Name a file in it.")
    kind = file_kind(path)
    unsure = kind in (FileKind.CUT_OFF, FileKind.UNKNOWN)
    if kind is FileKind.BODY or (unsure and path.suffix.lower() in BODY_SUFFIXES):
        from .smpl.describe_body import describe_body

        return describe_body(path)
    from .nlf.official.describe import describe_model

    return describe_model(path, data_folder)


def as_text(path: Path, digest: str, description: Description) -> str:
    """The description for people to read."""
    rows = [
        ("file", str(path)),
        ("type", description.kind),
        *description.rows,
        ("licence", description.license),
        ("sha256", digest),
        *(("missing", text) for text in description.missing),
        *(("note", text) for text in description.notes),
    ]
    if description.needs_consent:
        rows.append(("note", f"it is a program: agree to run it with --trust {digest}"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)
