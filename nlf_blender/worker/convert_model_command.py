# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker convert-model`: an official model into one file that needs no consent."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import UserError
from ..protocol.files import file_sha256
from .model_option import add_model_data_option, add_trust_option
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
    add_model_data_option(parser)
    add_trust_option(parser)
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
    _check_name(out, options.force)
    from .assets import ASSETS
    from .nlf.checkpoints import model_path, read_localizer
    from .nlf.file_kind import FileKind, file_kind
    from .nlf.native_writer import save_native
    from .take_writer import require_writable

    require_writable(out.parent)
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


def _check_name(out: Path, force: bool) -> None:
    """UserError if a file of this name is not to be written."""
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
