# SPDX-License-Identifier: GPL-3.0-or-later
"""TorchScript files as seen from outside: told and described by their table of contents alone."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ....errors import UserError
from ...description import Description
from ..backbones.efficientnet import CHANNELS
from ..file_kind import FileKind, file_kind
from ..model import unusable
from .variants import LICENSE, VARIANTS, Variant

MODEL_CODE = "/code/__torch__/nlf/pt/multiperson/multiperson_model"
CANONICAL_POINTS = {"SMPL": 1048, "SMPL-X": 1079}  # vertices and joints
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
        raise unusable(
            path,
            f"it unpacks to {unpacked / 1e6:.0f} MB from {size / 1e6:.0f} MB, which no model does",
            "Do not open it; download the model again from its authors.",
        )


def describe_torchscript(path: Path) -> Description:
    """A TorchScript file in words, without opening it. UserError if it is none."""
    check_archive(path)
    entries = _entries(path)
    names = [item.filename for item in entries]
    sizes = {item.file_size for item in entries if "/data/" in item.filename}
    official = any(MODEL_CODE in name for name in names)
    variant = _variant(sizes)
    rows = [("size", f"{path.stat().st_size / 1e6:.1f} MB")]
    if variant:
        layout = variant.layout
        rows.append(("backbone", f"{layout.name}, crops of {layout.crop_side} pixels"))
    points = [f"{name} {count}" for name, count in CANONICAL_POINTS.items() if count * 12 in sizes]
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
        license=LICENSE if official else "unknown",
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
