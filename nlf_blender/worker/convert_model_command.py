# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker convert-model`: an official model into one file that needs no consent."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from ..errors import UserError
from ..protocol.files import file_sha256
from .progress import Progress
from .progress_line import ProgressLine, print_seconds


def add_convert_model_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    """Make the command known."""
    parser = commands.add_parser(
        "convert-model", help="an official model (.torchscript or .pt) into one safetensors file"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the official model")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    parser.add_argument(
        "--half",
        action="store_true",
        help="backbone in half precision (a TorchScript's already is, and stays so)",
    )
    parser.add_argument(
        "--model-data",
        type=Path,
        metavar="FOLDER",
        help="official data files that a crop checkpoint needs (default: beside it)",
    )
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="SHA256",
        help="run the code in the TorchScript file with this hash (see: inspect)",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        name = _convert(options)
    except UserError as error:
        if options.json:
            print(json.dumps({"error": error.to_json()}))
        raise
    if options.json:
        digest = file_sha256(options.out)
        print(json.dumps({"path": str(options.out), "sha256": digest, "name": name}))
    else:
        print(options.out)
    return 0


def _convert(options: argparse.Namespace) -> str:
    """Read the model and write it anew. Returns its name."""
    out: Path = options.out
    _check_target(out, options.force)
    from .engine import ASSETS
    from .nlf.checkpoints import model_path, read_localizer
    from .nlf.file_kind import FileKind, file_kind
    from .nlf.native_writer import save_native

    source = model_path(str(options.file), ASSETS)
    kind = file_kind(source)
    if kind is FileKind.NATIVE:
        raise UserError(
            "Nothing to convert",
            f"{source.name} is a safetensors file already.",
            "Choose it as the model, or give an official .torchscript or .pt file.",
        )
    progress = Progress(listener=ProgressLine().show)
    progress.step("reading the model", 0, 2)
    model = read_localizer(source, options.model_data, options.trust)
    progress.step("writing it", 1, 2)
    save_native(model, out, half=options.half or kind is FileKind.TORCHSCRIPT)
    progress.finish()
    print_seconds(progress.seconds)
    return model.info.name


def _check_target(out: Path, force: bool) -> None:
    """UserError if a file cannot be written there, before minutes are spent on reading one."""
    if out.suffix.lower() != ".safetensors":
        raise UserError(
            "Wrong file name",
            f"{out.name} does not end in .safetensors.",
            "Give --out a name that does.",
        )
    if out.exists() and not force:
        raise UserError(
            "File already there",
            f"{out} exists and is not replaced unasked.",
            "Choose another name, or add --force.",
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            return
    except OSError as error:
        raise UserError(
            "The model could not be saved",
            f"{out.parent} cannot be written to ({error.strerror or error}).",
            "Choose a folder that you may write to.",
        ) from error
