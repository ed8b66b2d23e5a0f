# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker inspect`: what a model or body file is, and what it lacks."""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

from ..errors import UserError
from ..protocol.files import file_sha256
from .description import Description

FIRST_BYTES_OF_PICKLES = (b"\x80", b"(", b"c", b"}")  # protocols 2 and later, then 0 and 1
TORCH_LEGACY = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"  # torch.save before 1.6


def add_inspect_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Make the command known."""
    parser = commands.add_parser("inspect", help="say what a model or body file is")
    parser.add_argument("file", type=Path, metavar="FILE", help="a checkpoint or body file")
    parser.add_argument(
        "--model-data", default="", metavar="FOLDER", help="official data files, for a crop .pt"
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.set_defaults(run=_inspect)


def _inspect(options: argparse.Namespace) -> int:
    path: Path = options.file
    try:
        description = describe(path, Path(options.model_data) if options.model_data else None)
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
    """What a file is. Bodies are told from models by content. UserError if it is neither."""
    if is_body(path):
        from .smpl.describe_body import describe_body

        return describe_body(path)
    from .nlf.official.describe import describe_model

    return describe_model(path, data_folder)


def is_body(path: Path) -> bool:
    """Whether a file is laid out as body files are: an archive of arrays, or a bare pickle.

    UserError if there is no such file, or it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(64)
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    return any(name.endswith(".npy") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            "File not readable", f"{path}: {reason}.", "Check the path, and choose the file again."
        ) from error
    return start.startswith(FIRST_BYTES_OF_PICKLES) and TORCH_LEGACY not in start


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
