# SPDX-License-Identifier: GPL-3.0-or-later
"""Backbones: square crops in, feature maps out.

A default-model file names its backbone in its safetensors metadata:

    backbone          "blazepose_heavy"
    proc_side         side of the crop in pixels, "256"
    stride            crop pixels per cell of the feature map, "32"
    depth             slices of the 2.5D heatmap, "8"
    box_size_m        metres that the metric heatmap spans, "2.2"
    linear_light      whether crops are resampled in linear light, "false"
    gamma             exponents of the crops' sRGB values at test time, "1.0 1.0"
    aligned           whether crops are turned so that hips to head point up, "true"
    figures           JSON: what the model reached on held-out crops
    license           terms of the file

Its tensors are `heatmap_head.*` as in the official release, and `backbone.neck.*`; the frozen part
of the backbone is a file of its own.
"""

from __future__ import annotations

from torch import nn

from ....errors import UserError
from .blazepose import BlazePoseBackbone


def build_backbone(name: str) -> nn.Module:
    """A backbone by its name, with `channels`, `crop_side` and `stride`; frozen weights loaded."""
    if name == BlazePoseBackbone.name:
        return BlazePoseBackbone.from_assets()
    raise UserError(
        "Unknown model",
        f"The model needs a backbone named '{name}', which this version does not have.",
        "Update the extension, or choose another model.",
    )
