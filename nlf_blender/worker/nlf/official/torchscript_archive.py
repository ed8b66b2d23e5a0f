# SPDX-License-Identifier: GPL-3.0-or-later
"""TorchScript files as seen from outside: told and described by their table of contents alone."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ....body.model_folder import KIND_TITLES
from ....errors import UserError
from ....protocol.licenses import OFFICIAL_MODEL
from ...description import Description, size_row
from ..backbones.efficientnet import CHANNELS
from ..file_kind import FileKind, file_kind
from ..model import unsafe
from .variants import JOINTS, VARIANTS, Variant

MODEL_CODE = "/code/__torch__/nlf/pt/multiperson/multiperson_model"
CANONICAL_VERTICES = 1024  # that a file lists of each body, before its joints
POINT_BYTES = 12  # three float32
# Tensors are stored as they are and code shrinks several times; nothing honest shrinks more.
MOST_EXPANSION = 8


def check_archive(path: Path) -> None:
    """UserError if a file is no TorchScript archive, or swells when it is unpacked."""
    if file_kind(path) is not FileKind.TORCHSCRIPT:
        raise UserError(
            "Not a TorchScript file",
            f"{path.name} is no TorchScript file, or only a part of one.",
            "Download or copy it again, or choose another model.",
        )
    size, unpacked = path.stat().st_size, sum(item.file_size for item in _entries(path))
    if unpacked > MOST_EXPANSION * size:
        raise unsafe(
            path,
            f"has {size / 1e6:.1f} MB but would unpack to {unpacked / 1e6:.1f} MB, unlike any "
            "model of the release",
        )


def describe_torchscript(path: Path) -> Description:
    """A TorchScript file in words, without opening it. UserError if it is none."""
    check_archive(path)
    entries = _entries(path)
    names = [item.filename for item in entries]
    sizes = {item.file_size for item in entries if "/data/" in item.filename}
    official = any(MODEL_CODE in name for name in names)
    variant = _variant(sizes)
    rows = [size_row(path)]
    if variant:
        layout = variant.layout
        rows.append(("backbone", f"{layout.name}, crops of {layout.crop_side} pixels"))
    counts = {kind: CANONICAL_VERTICES + joints for kind, joints in JOINTS.items()}
    points = [f"{KIND_TITLES[k]} {n}" for k, n in counts.items() if n * POINT_BYTES in sizes]
    if points:
        rows.append(("canonical points", ", ".join(points)))
    rows.append(("tensors", str(sum("/data/" in name for name in names))))
    rows.append(("code files", str(sum(name.endswith(".py") for name in names))))
    notes = ["told by the sizes of its parts, without opening it"]
    if not official or not variant:
        notes.append("it does not look like an official NLF multi-person model")
    letter = f"-{variant.letter.upper()}" if variant else ""
    return Description(
        kind=f"NLF{letter} multi-person TorchScript" if official else "TorchScript program",
        role="model",
        license=OFFICIAL_MODEL if official else "unknown",
        rows=tuple(rows),
        notes=tuple(notes),
        needs_consent=True,
    )


def _variant(sizes: set[int]) -> Variant | None:
    """The variant whose last convolution is among tensors of these sizes in bytes."""
    widest_first = sorted(VARIANTS, key=lambda variant: -variant.layout.stages[-1].channels)
    for variant in widest_first:  # the large one also holds a tensor of the small one's size
        values = CHANNELS * variant.layout.stages[-1].channels
        if {2 * values, 4 * values} & sizes:
            return variant
    return None


def _entries(path: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(path) as archive:
        return archive.infolist()
