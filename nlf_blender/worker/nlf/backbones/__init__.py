# SPDX-License-Identifier: GPL-3.0-or-later
"""Backbones: square crops in, feature maps out.

A native model file names its backbone in its safetensors metadata:

    backbone          "blazepose_heavy", "blazepose_heavy_adapted",
                      "blazepose_heavy_tuned", "efficientnet_v2_s", "efficientnet_v2_l", "tiny"
    proc_side         side of the crop in pixels, "256"
    stride            crop pixels per cell of the feature map, "32"
    depth             slices of the 2.5D heatmap, "8"
    box_size_m        metres that the metric heatmap spans, "2.2"
    linear_light      whether crops are resampled in linear light, "false"
    gamma             exponents of the crops' sRGB values at test time, "1.0 1.0"
    aligned           whether crops are turned so that hips to head point up, "true"
    canonical_space   "open" or "smpl", the body whose canonical space it is; "open" if absent
    canonical_whole   bodies all of whose vertices are listed below `canonical`, "smpl smplx"
    joint_sets        JSON: names of the joints below `canonical.joint_sets`, by set
    figures           JSON: what the model reached on held-out crops
    license           terms of the file

Its tensors are `heatmap_head.*` as in the official release, and the backbone's: `backbone.1.*` as
there, or `backbone.neck.*` where the frozen part of the backbone is a file of its own, with
`backbone.adapter.*` where it was adapted and `backbone.encoder.graph.*` where it was trained; then
`canonical.<body>.vertices`, `canonical.<body>.joints`, `canonical.locations` and, of joint sets
whose places were learnt, `canonical.joint_sets.<set>`, each [n,3], if known. A field without
`learnable_fourier` takes plain coordinates.
"""

from __future__ import annotations

import torch
from torch import nn

from ....errors import UserError
from .blazepose import AdaptedBlazePoseBackbone, BlazePoseBackbone, TunedBlazePoseBackbone
from .efficientnet import LAYOUTS, EfficientNetV2
from .tiny import TinyBackbone

_BLAZEPOSE = {
    kind.name: kind
    for kind in (BlazePoseBackbone, AdaptedBlazePoseBackbone, TunedBlazePoseBackbone)
}
BACKBONES = (*_BLAZEPOSE, *LAYOUTS, TinyBackbone.name)


def build_backbone(name: str) -> nn.Module:
    """A backbone by its name, with `channels`, `crop_side` and `stride`.

    Frozen weights are loaded; all others may yet be without memory, on the device `meta`.
    """
    if name in _BLAZEPOSE:
        return _BLAZEPOSE[name].from_assets()
    if name == TinyBackbone.name:
        return TinyBackbone()
    if name in LAYOUTS:
        with torch.device("meta"):
            return EfficientNetV2(LAYOUTS[name])
    raise UserError(
        "Unknown model",
        f"The model needs a backbone named '{name}', which this version does not have.",
        "Update the extension, or choose another model.",
    )
