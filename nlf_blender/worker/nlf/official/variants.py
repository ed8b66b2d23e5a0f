# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the official models a list of tensors is, told by its names and shapes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ....body.skeleton import SKELETONS
from ..backbones.efficientnet import LARGE, SMALL, EfficientNetV2, Layout
from ..field import FieldConfig
from ..head import HeatmapHead

# Of the bodies whose canonical points the release has.
JOINTS = {kind: SKELETONS[kind].joint_count for kind in ("smpl", "smplx")}
EIGENVALUES = "heatmap_head.weight_field.r_sqrt_eigva"
GPS_NET = "heatmap_head.weight_field.gps_net."
# What the field needs and a crop checkpoint lacks, but a TorchScript has.
FIELD_CONSTANTS = (EIGENVALUES, GPS_NET + "mini", GPS_NET + "maxi", GPS_NET + "center")
# Locations that were learnt, beside the networks; a TorchScript also lists its constants.
LEARNT_LEFTS, LEARNT_CENTERS = "canonical_lefts", "canonical_centers"
BESIDE = re.compile(r"canonical_\w+|inv_permutation|backbone\.0\.(mean|std)")
_BLOCK = re.compile(r"backbone\.1\.(\d+)\.(\d+)\.block\.")
_MARK = "heatmap_head.weight_field.pred_mlp.2.weight"


@dataclass(frozen=True)
class Variant:
    """letter: as in the official files' names, nlf_s_crop, nlf_l_crop."""

    letter: str
    layout: Layout

    def head(self, eigenvalue_count: int) -> HeatmapHead:
        """The head without values, on the device `meta`."""
        config = FieldConfig(eigenvalue_count=eigenvalue_count)
        with torch.device("meta"):
            return HeatmapHead(EfficientNetV2.channels, self.layout.crop_side, config=config)

    def shapes(self, eigenvalue_count: int) -> dict[str, torch.Size]:
        """The name and shape of every value of the networks."""
        with torch.device("meta"):
            backbone = EfficientNetV2(self.layout)
        parts = {"backbone.": backbone, "heatmap_head.": self.head(eigenvalue_count)}
        return {
            prefix + name: value.shape
            for prefix, part in parts.items()
            for name, value in part.state_dict().items()
        }


VARIANTS = (Variant("s", SMALL), Variant("l", LARGE))


def is_localizer(names: Iterable[str]) -> bool:
    """Whether these are the names of an official crop model's values, of whatever backbone."""
    return _MARK in set(names)


def variant_of(names: Iterable[str]) -> Variant | None:
    """The variant whose backbone has as many blocks in each stage as these names; None if none."""
    last: dict[int, int] = {}
    for match in filter(None, map(_BLOCK.match, names)):
        stage, block = int(match[1]), int(match[2])
        last[stage] = max(block, last.get(stage, 0))
    counts = {stage: block + 1 for stage, block in last.items()}
    for variant in VARIANTS:
        stages = variant.layout.stages
        if counts == {number: stage.blocks for number, stage in enumerate(stages, start=1)}:
            return variant
    return None


def named_variant(file_stem: str) -> Variant | None:
    """The variant that a file's name tells of: the first lone letter in it, `nlf_l_crop`."""
    words = re.split(r"[^a-z]+", file_stem.lower())
    return next((variant for word in words for variant in VARIANTS if word == variant.letter), None)


def recognized(
    tensors: Mapping[str, Tensor], may_lack: Collection[str] = ()
) -> tuple[Variant, dict[str, Tensor]]:
    """The variant that these tensors are, and those of which its networks consist.

    may_lack: names that need not be there. ValueError if their names or shapes are of no variant.
    """
    variant = variant_of(tensors)
    if variant is None:
        raise ValueError("its backbone is neither EfficientNetV2-S nor EfficientNetV2-L")
    shapes = variant.shapes(_eigenvalue_count(tensors))
    missing = [name for name in shapes if name not in tensors and name not in may_lack]
    if missing:
        raise ValueError(f"it lacks {_some(missing)}")
    surplus = [name for name in tensors if name not in shapes and not BESIDE.fullmatch(name)]
    if surplus:
        raise ValueError(f"it has values that the official model lacks: {_some(surplus)}")
    network = {name: tensors[name] for name in shapes if name in tensors}
    for name, tensor in network.items():
        if tensor.shape != shapes[name]:
            raise ValueError(f"{name} is {_sizes(tensor.shape)} instead of {_sizes(shapes[name])}")
    return variant, network


def _eigenvalue_count(tensors: Mapping[str, Tensor]) -> int:
    """How many eigenvalues there are, at least as many as the field uses."""
    values = tensors.get(EIGENVALUES)
    if values is None:
        return FieldConfig.signature_dim
    if values.ndim != 1 or len(values) < FieldConfig.signature_dim:
        raise ValueError(
            f"{EIGENVALUES} is {_sizes(values.shape)} instead of {FieldConfig.signature_dim}"
        )
    return len(values)


def _some(names: list[str]) -> str:
    """The first few of a list of names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _sizes(shape: torch.Size) -> str:
    return " x ".join(map(str, shape)) or "a single number"
