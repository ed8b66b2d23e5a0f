# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the default model that is trained: neck, head and field, on cached features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..nlf.backbones.blazepose import CROP_SIDE, MAP_CHANNELS, STRIDE
from ..nlf.backbones.neck import LandmarkNeck
from ..nlf.head import HeadOutput, HeatmapHead, decode_logits
from .data import Batch

DEPTH = 8


class TrainedPart(nn.Module):
    """Frozen features of P crops and canonical points' signatures in, localized points out."""

    def __init__(self) -> None:
        super().__init__()
        self.neck = LandmarkNeck(MAP_CHANNELS)
        self.heatmap_head = HeatmapHead(self.neck.channels, CROP_SIDE, STRIDE)
        for parameter in self.heatmap_head.weight_field.gps_net.parameters():
            parameter.requires_grad_(False)

    def forward(
        self,
        batch: Batch,
        signatures: Tensor,
        keep_maps: Tensor | None = None,
        keep_landmarks: Tensor | None = None,
    ) -> HeadOutput:
        """signatures: [N,S] of the canonical points that the batch has."""
        features = self.neck(batch.maps, batch.landmarks, batch.world, keep_maps, keep_landmarks)
        return read_out(self.heatmap_head, features, signatures)


def read_out(head: HeatmapHead, features: Tensor, signatures: Tensor) -> HeadOutput:
    """What `HeatmapHead.forward` computes, in the order that is cheaper for few points."""
    field = head.weight_field
    weights = field.pred_mlp[2](field.code(signatures))
    weights = weights.reshape(len(signatures), field.config.feature_dim + 1, -1)
    matrix, bias = field.split(weights)
    maps = head.layer(features)
    logits = torch.matmul(matrix.flatten(0, 1), maps.flatten(2)) + bias.reshape(-1, 1)
    shape = (len(maps), *bias.shape, *maps.shape[2:])
    return decode_logits(logits.reshape(shape), head.crop_side, head.stride)
