# SPDX-License-Identifier: GPL-3.0-or-later
"""Localizer files: what can be loaded, and a clear refusal of what cannot."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch

from ...errors import UserError
from .file_kind import FileKind, file_kind
from .model import LocalizerModel, unusable
from .native_file import read_native

DEFAULT_MODEL = "default"
DEFAULT_FILE = "default_model.safetensors"
KNOWN = (
    f"'{DEFAULT_MODEL}', a .safetensors file made for this extension, or an official NLF file "
    "(.pt, .torchscript)"
)
_REFUSALS = {
    FileKind.BODY: (
        "it is a body, not a model",
        "Choose it as the body, and a localizer (or the default one) as the model.",
    ),
    FileKind.CUT_OFF: (
        "it ends too early, as after a download that broke off",
        "Download or copy the file again, or choose the default model.",
    ),
    FileKind.OLD_TORCH: (
        "it is in torch's old format",
        "Get the official file, or save this one again with torch 1.6 or newer.",
    ),
}


def load_localizer(
    name_or_path: str,
    device: torch.device | str,
    assets_dir: Path,
    data_folder: Path | None = None,
    trusted: Collection[str] = (),
) -> LocalizerModel:
    """The default model (name `default`) or a file's, float32 and ready on a device.

    data_folder: with what an official crop checkpoint lacks; beside it if None. trusted: SHA-256
    of the TorchScript files whose code the user agreed to run. UserError if there is no such file,
    its contents cannot be used, or what it lacks is nowhere.
    """
    path = model_path(name_or_path, assets_dir)
    return read_localizer(path, data_folder, trusted).to(device)


def read_localizer(
    path: Path, data_folder: Path | None = None, trusted: Collection[str] = ()
) -> LocalizerModel:
    """A file's model on the CPU, as `load_localizer`."""
    kind = file_kind(path)
    if kind is FileKind.NATIVE:
        return read_native(path)
    # Official files' readers need much of scipy, which would make every start slower.
    if kind is FileKind.CROP_CHECKPOINT:
        from .official.crop_checkpoint import read_crop_checkpoint

        return read_crop_checkpoint(path, data_folder, trusted)
    if kind is FileKind.TORCHSCRIPT:
        from .official.torchscript import load_torchscript

        return load_torchscript(path, trusted)
    raise refusal(path, kind)


def refusal(path: Path, kind: FileKind) -> UserError:
    """The error for a file of a kind that is no model which can be loaded."""
    reason, fix = _REFUSALS.get(kind, ("it is damaged or no model file", f"Choose {KNOWN}."))
    return unusable(path, reason, fix)


def model_path(name_or_path: str, assets_dir: Path) -> Path:
    """The file behind a model's name or path. UserError if there is none."""
    if name_or_path == DEFAULT_MODEL:
        path = assets_dir / DEFAULT_FILE
        if not path.is_file():
            raise UserError(
                "The default model is missing",
                f"{path.name} is not in the extension's assets.",
                "Install the extension again from its zip.",
            )
        return path
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        raise UserError(
            "Model not found",
            f"There is no file {path}.",
            f"Choose {KNOWN}.",
        )
    return path
