# SPDX-License-Identifier: GPL-3.0-or-later
"""Official crop checkpoints: `.pt` files with the weights of one crop model.

The file is a zip archive by torch.save; its weights are mapped into memory rather than read, and
become the native model's without a copy.
"""

from __future__ import annotations

import re
import struct
import warnings
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from ....body.arrays import Float64Array
from ....errors import UserError
from ....protocol.files import file_sha256
from ....protocol.licenses import OFFICIAL_MODEL
from ....protocol.take import ModelInfo
from ..canonical_space import SMPL_SPACE, CanonicalSpace
from ..model import LocalizerModel, unsafe, unusable
from .build import build_official
from .data_files import OfficialData
from .data_sources import read_missing
from .locations import learnt_locations
from .variants import (
    FIELD_CONSTANTS,
    LEARNT_CENTERS,
    LEARNT_LEFTS,
    Variant,
    is_localizer,
    named_variant,
    recognized,
)

NESTED = "model_state_dict"
MOST_INDEX_BYTES = 64_000_000  # of data.pkl, which lists names and shapes; 0.2 MB in an L model
OTHER_FIX = (
    "Choose nlf_s_crop.pt or nlf_l_crop.pt of the official release again, or the default model."
)
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64)
# What torch.load raises for files that were cut off, or made up.
_FAULTS = (
    RuntimeError, ValueError, EOFError, KeyError, IndexError, TypeError, AttributeError,
    AssertionError, ArithmeticError, ImportError, MemoryError, OSError, struct.error,
)  # fmt: skip


def read_crop_checkpoint(
    path: Path, data_folder: Path | None, trusted: Collection[str]
) -> LocalizerModel:
    """The model of a crop checkpoint, float32 on the CPU, its weights mapped from the file.

    data_folder, trusted: as `load_localizer`. UserError if the file is damaged or another
    model's, or what it lacks is nowhere.
    """
    tensors = read_weights(path)
    variant = checked_variant(path, tensors)
    data = _missing_part(path, tensors, data_folder, trusted)
    canonical = CanonicalSpace(SMPL_SPACE, data.bodies, _locations(path, data, tensors))
    try:
        info = ModelInfo(model_name(path, variant), file_sha256(path), OFFICIAL_MODEL)
        return build_official({**data.constants, **tensors}, canonical, info)
    except (ValueError, OSError) as error:
        raise unusable(path, str(error)) from error


def checked_variant(path: Path, tensors: Mapping[str, Tensor]) -> Variant:
    """The variant of a checkpoint's tensors. UserError if names or shapes are of none."""
    try:
        return recognized(tensors, may_lack=FIELD_CONSTANTS)[0]
    except ValueError as error:
        raise unusable(path, str(error), OTHER_FIX) from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a crop checkpoint by their names, mapped from the file, yet unchecked.

    No code of the file is run. UserError if it is no such file, or damaged.
    """
    _check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of deprecated storages: the file's, not the user's
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UnpicklingError as error:
        raise _refused(path, str(error)) from error
    except _FAULTS as error:
        reason = f"it is damaged, perhaps cut off ({_last_line(error)})"
        raise unusable(path, reason) from error
    if isinstance(content, Mapping) and isinstance(content.get(NESTED), Mapping):
        content = content[NESTED]
    if not isinstance(content, Mapping) or not is_localizer(map(str, content)):
        raise unusable(path, "it holds no NLF crop model", OTHER_FIX)
    return {str(name): _plain(path, str(name), value) for name, value in content.items()}


def model_name(path: Path, variant: Variant) -> str:
    """The file's name, with what is inside where the name tells of another variant."""
    if named_variant(path.stem) in (None, variant):
        return path.stem
    return f"{path.stem} (NLF-{variant.letter.upper()} weights)"


def _check_archive(path: Path) -> None:
    """UserError unless the archive's parts are stored as they are, within the file's size."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
        size = path.stat().st_size
    except (zipfile.BadZipFile, OSError) as error:
        raise unusable(path, f"it is damaged, perhaps cut off ({error})") from error
    declared = sum(part.file_size for part in parts)
    compressed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
    index = max((p.file_size for p in parts if p.filename.endswith("data.pkl")), default=0)
    if compressed or declared > size or index > MOST_INDEX_BYTES:
        raise unsafe(
            path,
            f"has {size / 1e6:.1f} MB but would unpack to {declared / 1e6:.1f} MB, unlike any file "
            "that torch writes",
        )


def _plain(path: Path, name: str, value: object) -> Tensor:
    """A tensor of numbers in memory. UserError if it is something else."""
    usable = (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.dtype in DTYPES
    )
    if not usable:
        raise unusable(path, f"{name} is no tensor of numbers")
    return value.detach()


def _missing_part(
    path: Path, tensors: dict[str, Tensor], data_folder: Path | None, trusted: Collection[str]
) -> OfficialData:
    """What the file lacks. One that has the field's constants can do without the rest."""
    try:
        return read_missing(path, data_folder, trusted)
    except UserError:
        if all(name in tensors for name in FIELD_CONSTANTS):
            return OfficialData({}, {})
        raise


def _locations(path: Path, data: OfficialData, tensors: dict[str, Tensor]) -> Float64Array | None:
    """The points that the model was trained on [L,3], or None if no file tells."""
    if data.start is None or LEARNT_LEFTS not in tensors or LEARNT_CENTERS not in tensors:
        return data.locations
    moves = [tensors[name].double().numpy() for name in (LEARNT_LEFTS, LEARNT_CENTERS)]
    try:
        return learnt_locations(data.start, *moves)
    except ValueError as error:
        raise unusable(path, f"its locations do not suit the data files ({error})") from error


def _refused(path: Path, text: str) -> UserError:
    """What torch's unpickler would not do, by its error's text."""
    foreign = re.search(r"GLOBAL (\S+)", text)
    if foreign is None:
        reason = _last_line(text.split("Check the documentation")[0])
        return unusable(path, f"its list of contents is damaged ({reason}); no code was run")
    return unsafe(path, f"asks for {foreign[1]}, which no tensor needs")


def _last_line(error: object) -> str:
    """The end of an error's text, where torch says what was wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1][:200].rstrip(".")
