# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what a crop checkpoint lacks: in data files, a converted model or a TorchScript.

The data folder is searched first, then the checkpoint's own.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ....errors import UserError
from ....protocol.files import file_sha256
from ..canonical_space import SMPL_SPACE
from ..file_kind import FileKind, file_kind
from ..native_file import CANONICAL, SUFFIX, canonical_from, read_part
from .consent import agreed
from .data_files import NEEDED, OfficialData, lacking, read_data_files
from .torchscript import read_torchscript
from .variants import FIELD_CONSTANTS

TORCH_SUFFIXES = (".torchscript", ".ts", ".pt", ".pth")
_log = logging.getLogger(__name__)


class SourceKind(Enum):
    """Where the missing values come from, in order of preference."""

    DATA_FILES = "official data files"
    CONVERTED = "a converted model"
    TORCHSCRIPT = "a TorchScript file, which needs consent"


@dataclass(frozen=True)
class Source:
    """path: a folder of data files, or a file."""

    kind: SourceKind
    path: Path


def find_sources(checkpoint: Path, data_folder: Path | None) -> list[Source]:
    """All places that have what the checkpoint lacks, the best one first; nothing is run."""
    found = [
        source
        for folder in _folders(checkpoint, data_folder)
        for source in _sources_in(folder, checkpoint)
    ]
    order = list(SourceKind)
    return sorted(found, key=lambda source: order.index(source.kind))


def read_missing(
    checkpoint: Path, data_folder: Path | None, trusted: Collection[str]
) -> OfficialData:
    """What the checkpoint lacks. UserError naming the files to get if it is nowhere."""
    sources = find_sources(checkpoint, data_folder)
    for source in sources:
        if source.kind is SourceKind.DATA_FILES:
            return read_data_files(source.path)
        if source.kind is SourceKind.CONVERTED:
            return _from_converted(source.path)
        if trusted and file_sha256(source.path) in agreed(trusted):
            return _from_torchscript(source.path, trusted)
    raise _nowhere(checkpoint, data_folder, sources)


def _folders(checkpoint: Path, data_folder: Path | None) -> list[Path]:
    own = checkpoint.resolve().parent
    if data_folder is None:
        return [own]
    if not data_folder.is_dir():
        raise UserError(
            "No such folder",
            f"The folder with the model's data files, {data_folder}, is not there.",
            "Correct it in the preferences or after --model-data, or leave it empty.",
        )
    folder = data_folder.resolve()
    return [folder] if folder == own else [folder, own]


def _sources_in(folder: Path, checkpoint: Path) -> Iterator[Source]:
    if not lacking(folder, NEEDED):
        yield Source(SourceKind.DATA_FILES, folder)
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        _log.warning("%s cannot be searched: %s", folder, error)
        return
    for path in files:
        suffix = path.suffix.lower()
        if suffix == SUFFIX and _is_converted(path):
            yield Source(SourceKind.CONVERTED, path)
        if suffix in TORCH_SUFFIXES and path.name != checkpoint.name and _is_torchscript(path):
            yield Source(SourceKind.TORCHSCRIPT, path)


def _is_converted(path: Path) -> bool:
    try:
        metadata, _ = read_part(path, ())
    except UserError as error:
        _log.warning("%s lies beside the model but is of no use: %s", path.name, error.detail)
        return False
    return metadata.get("canonical_space") == SMPL_SPACE


def _is_torchscript(path: Path) -> bool:
    try:
        return file_kind(path) is FileKind.TORCHSCRIPT
    except UserError as error:
        _log.warning("%s lies beside the model but is of no use: %s", path.name, error.detail)
        return False


def _from_converted(path: Path) -> OfficialData:
    metadata, tensors = read_part(path, (*FIELD_CONSTANTS, CANONICAL))
    points = {name: value for name, value in tensors.items() if name.startswith(CANONICAL)}
    try:
        canonical = canonical_from(metadata, points)
        constants = {name: tensors[name] for name in FIELD_CONSTANTS}
    except (KeyError, ValueError) as error:
        raise UserError(
            "Data file cannot be used",
            f"{path} does not have what the model lacks ({error}).",
            "Convert the official TorchScript file again, or remove this one.",
        ) from error
    return OfficialData(constants, dict(canonical.bodies), locations=canonical.locations)


def _from_torchscript(path: Path, trusted: Collection[str]) -> OfficialData:
    release = read_torchscript(path, trusted)
    constants = {name: release.tensors[name] for name in FIELD_CONSTANTS}
    canonical = release.canonical
    return OfficialData(constants, dict(canonical.bodies), locations=canonical.locations)


def advice(missing: list[str], sources: list[Source]) -> str:
    """Where to put the data files, of which `missing` are nowhere, and what may serve instead."""
    needed = [name for name in missing if name in NEEDED]
    text = (
        "Choose the folder that has them as Model Data in the preferences (--model-data on the "
        f"command line), or put them beside the model; {' and '.join(needed)} must be among them."
    )
    if not sources:
        return f"{text} An official TorchScript file, converted to .safetensors, serves as well."
    return (
        f"{text} {sources[0].path.name} has the values too, but is a program: allow it in the "
        "preferences (--trust on the command line), or convert it."
    )


def _nowhere(checkpoint: Path, data_folder: Path | None, sources: list[Source]) -> UserError:
    folder = data_folder or checkpoint.parent
    missing = lacking(folder)
    return UserError(
        "The model's data files are missing",
        f"{checkpoint.name} holds the weights alone. {folder} lacks {', '.join(missing)} of the "
        "official NLF release.",
        advice(missing, sources),
    )
