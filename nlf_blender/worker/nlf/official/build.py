# SPDX-License-Identifier: GPL-3.0-or-later
"""The native model from the values of an official one, wherever those come from."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ....protocol.take import ModelInfo
from ..backbones.efficientnet import EfficientNetV2
from ..canonical_space import CanonicalSpace
from ..model import CropStyle, LocalizerModel, as_float32
from ..native_file import filled
from .variants import EIGENVALUES, recognized

GAMMA_RANGE = (0.6, 1.0)


def build_official(
    tensors: Mapping[str, Tensor], canonical: CanonicalSpace, info: ModelInfo
) -> LocalizerModel:
    """The native model, float32 on the CPU, without a copy of what is float32 already.

    tensors: by their official names, float16 or float32, the field's constants among them.
    ValueError if their names or shapes are of no official model, or a value is not finite.
    """
    variant, network = recognized(tensors)
    network = as_float32(network)
    style = CropStyle(linear_light=True, gamma_range=GAMMA_RANGE, aligned=False)
    with torch.device("meta"):
        backbone = EfficientNetV2(variant.layout)
    head = variant.head(len(network[EIGENVALUES]))
    return filled(LocalizerModel(backbone, head, style, info, canonical), network)
