# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line's options for model, body and device."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..protocol.settings import DEVICES, LocalizeSettings
from .body_option import (
    add_body_folder_option,
    add_body_options,
    body_folders,
    body_name,
)


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


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Make --model and what belongs to it, the body's options and --device known."""
    parser.add_argument("--model", default="default", help="default, or a checkpoint's path")
    add_model_data_option(parser)
    add_trust_option(parser)
    add_body_options(parser)
    add_body_folder_option(parser)
    parser.add_argument(
        "--device", default="auto", type=device_name, metavar="auto|cpu|cuda|cuda:N|mps"
    )


def device_name(text: str) -> str:
    """A device as an option names it."""
    if not LocalizeSettings.device_known(text):
        raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(DEVICES)}, cuda:N")
    return text


def model_settings(options: argparse.Namespace) -> dict[str, Any]:
    """What `add_model_options` asked for, as fields of LocalizeSettings. UserError if a folder has
    no such body."""
    return {
        "model": options.model,
        "model_data": str(options.model_data or ""),
        "trusted": tuple(options.trust),
        "body": body_name(options),
        "body_folders": body_folders(options),
        "device": options.device,
    }
