# SPDX-License-Identifier: GPL-3.0-or-later
"""The trained part as the default model's file, under the official release's names."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..nlf.backbones.blazepose import CROP_SIDE, STRIDE, BlazePoseBackbone
from ..nlf.head import BOX_SIZE_M
from .model import DEPTH, TrainedPart

LICENSE_NOTE = "GPL-3.0-or-later; needs blazepose_heavy.safetensors (Apache-2.0)"
# Statistics and scales whose range or precision half floats do not have.
_FULL_PRECISION = ("running_mean", "running_var", "r_sqrt_eigva", "mini", "maxi", "center")


def exported_tensors(model: TrainedPart) -> dict[str, Tensor]:
    """Tensors by their names in the file, in half precision where that is harmless."""
    tensors = {}
    for name, value in model.state_dict().items():
        public = f"backbone.{name}" if name.startswith("neck.") else name
        half = value.is_floating_point() and not name.endswith(_FULL_PRECISION)
        tensors[public] = (value.half() if half else value).contiguous()
    return tensors


def trained_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The reverse of `exported_tensors`: what `TrainedPart.load_state_dict` takes."""
    return {name.removeprefix("backbone."): value.to(_loaded_type(value))
            for name, value in tensors.items()}  # fmt: skip


def _loaded_type(value: Tensor) -> torch.dtype:
    return torch.float32 if value.is_floating_point() else value.dtype


def export(model: TrainedPart, figures: dict[str, object], target: Path) -> None:
    """Write the model's file; `figures` go into its metadata as JSON."""
    metadata = {
        "format": "nlf_blender localizer 1",
        "name": "default model v0",
        "backbone": BlazePoseBackbone.name,
        "proc_side": str(CROP_SIDE),
        "stride": str(STRIDE),
        "depth": str(DEPTH),
        "box_size_m": str(BOX_SIZE_M),
        "linear_light": "false",
        "gamma": "1.0 1.0",
        "aligned": "true",
        "figures": json.dumps(figures),
        "license": LICENSE_NOTE,
    }
    save_file(exported_tensors(model), str(target), metadata=metadata)
