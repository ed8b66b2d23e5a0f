# SPDX-License-Identifier: GPL-3.0-or-later
"""Model files in words: what they are, what they hold and lack, under which licence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from ....body.model_folder import KIND_TITLES
from ....protocol.licenses import OFFICIAL_MODEL
from ...description import Description, size_row
from ..backbones import BACKBONES
from ..canonical_space import OPEN_SPACE
from ..checkpoints import refusal
from ..file_kind import FileKind, file_kind
from ..model import unusable
from ..native_file import CANONICAL, canonical_from, read_header, read_part
from .crop_checkpoint import checked_variant, model_name, read_weights
from .data_files import BODY_POINTS, body_files, lacking
from .data_sources import Source, SourceKind, advice, find_sources
from .torchscript_archive import describe_torchscript
from .variants import FIELD_CONSTANTS, LEARNT_CENTERS, LEARNT_LEFTS

FREE_LICENSES = ("GPL-3.0-or-later", "Apache-2.0", "MIT", "BSD", "CC0-1.0", "CC-BY-4.0")
NETWORKS = ("backbone.", "heatmap_head.")
CONSTANTS = ("running_mean", "running_var", "num_batches_tracked", *FIELD_CONSTANTS)
STORED_NAMES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32"}
Rows = list[tuple[str, str]]
Shape = tuple[Sequence[int], object]


def describe_model(path: Path, data_folder: Path | None) -> Description:
    """A model file of any kind in words, its weights unread and no code of it run.

    data_folder: as `load_localizer`. UserError if it is no model file, or damaged.
    """
    kind = file_kind(path)
    if kind is FileKind.NATIVE:
        return _describe_native(path)
    if kind is FileKind.CROP_CHECKPOINT:
        return _describe_checkpoint(path, data_folder)
    if kind is FileKind.TORCHSCRIPT:
        return describe_torchscript(path)
    raise refusal(path, kind)


def _describe_checkpoint(path: Path, data_folder: Path | None) -> Description:
    tensors = read_weights(path)
    variant = checked_variant(path, tensors)
    title, side = f"NLF-{variant.letter.upper()}", variant.layout.crop_side
    rows = [size_row(path), *_weights({name: (t.shape, t.dtype) for name, t in tensors.items()})]
    rows += [("backbone", variant.layout.name), ("crop", f"{side} x {side} pixels")]
    if LEARNT_LEFTS in tensors and LEARNT_CENTERS in tensors:
        count = 2 * len(tensors[LEARNT_LEFTS]) + len(tensors[LEARNT_CENTERS])
        rows.append(("trained points", str(count)))
    sources = find_sources(path, data_folder)
    if sources:
        rows.append(("completed by", f"{sources[0].kind.value}, {sources[0].path}"))
    notes = []
    if model_name(path, variant) != path.stem:
        notes.append(f"its name tells of another model, but it holds the weights of {title}")
    return Description(
        kind=f"{title} crop checkpoint",
        role="model",
        license=OFFICIAL_MODEL,
        rows=(*rows, *_points_of(sources)),
        missing=tuple(_missing(path, tensors, data_folder, sources)),
        notes=tuple(notes),
    )


def _points_of(sources: list[Source]) -> Rows:
    """Which bodies' points the best source tells of."""
    if not sources or sources[0].kind is SourceKind.TORCHSCRIPT:
        return []
    if sources[0].kind is SourceKind.CONVERTED:
        return _points(*read_part(sources[0].path, (CANONICAL,)))
    folder = sources[0].path
    known = [
        f"{KIND_TITLES[kind]} {vertices} vertices and {joints} joints"
        for kind, (vertices, joints) in BODY_POINTS.items()
        if not lacking(folder, body_files(kind))
    ]
    return [("known points", ", ".join(known))] if known else []


def _missing(
    path: Path, tensors: Mapping[str, Tensor], data_folder: Path | None, sources: list[Source]
) -> list[str]:
    """What a checkpoint lacks, each with where to get it."""
    if all(name in tensors for name in FIELD_CONSTANTS):
        return []
    kind = sources[0].kind if sources else None
    folder = sources[0].path if kind is SourceKind.DATA_FILES else data_folder or path.parent
    missing = lacking(folder)
    if kind is SourceKind.DATA_FILES:
        return [f"{name}, which it can do without; it belongs into {folder}" for name in missing]
    if kind is SourceKind.CONVERTED:
        return []
    return [f"{', '.join(missing)}. {advice(missing, sources)}"]


def _describe_native(path: Path) -> Description:
    """A native file, by its metadata and its tensors' shapes."""
    metadata, shapes = read_header(path)
    backbone, license_text = metadata.get("backbone", ""), metadata.get("license", "unknown")
    if not backbone or "proc_side" not in metadata:
        raise unusable(path, "it does not say which backbone it is for")
    side = metadata["proc_side"]
    rows = [size_row(path), ("name", metadata.get("name", path.stem)), *_weights(shapes)]
    rows += [("backbone", backbone), ("crop", f"{side} x {side} pixels")]
    space = metadata.get("canonical_space", OPEN_SPACE)
    rows.append(("canonical space", space))
    rows += _points(metadata, read_part(path, (CANONICAL,))[1])
    notes = []
    if license_text.startswith(FREE_LICENSES):
        notes.append("free for commercial use")
    if backbone not in BACKBONES:
        notes.append("this version does not have its backbone: update the extension to use it")
    return Description(
        kind="NLF model" if space == OPEN_SPACE else "NLF model, converted",
        role="model",
        license=license_text,
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _points(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> Rows:
    """Which bodies' points a native file tells of."""
    try:
        canonical = canonical_from(metadata, tensors)
    except (KeyError, ValueError) as error:
        return [("known points", f"damaged ({error})")]
    known = [
        f"{KIND_TITLES.get(kind, kind)} {len(body.vertices)} vertices and {len(body.joints)} joints"
        for kind, body in canonical.bodies.items()
    ]
    rows = [("known points", ", ".join(known))] if known else []
    return [*rows, ("joints of", ", ".join(canonical.joint_sets))] if canonical.joint_sets else rows


def _weights(shapes: Mapping[str, Shape]) -> Rows:
    """How many parameters there are, without statistics and constants, and how they are stored."""
    counts: Counter[str] = Counter()
    for name, (shape, kind) in shapes.items():
        if name.startswith(NETWORKS) and not name.endswith(CONSTANTS):
            stored = str(kind).removeprefix("torch.")
            counts[STORED_NAMES.get(stored, stored)] += math.prod(shape)
    rows = [("parameters", f"{sum(counts.values()) / 1e6:.1f} million")]
    return [*rows, ("stored as", ", ".join(sorted(counts)))]
