# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of a batch read out of its features, each crop's own ones.

Crops of one kind of annotation usually share their points. Those that do are read at once, by
weights that are made once for all; where nearly every crop has its own points, a product of codes
with the basis maps is quicker (see `HeatmapHead.basis_maps`). Both are the function that
`HeatmapHead.forward` computes. All of it is float32, whatever the backbone runs in: soft-argmax
over few cells turns rounded logits into millimetres.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...nlf.head import HeadOutput, HeatmapHead, concatenate_outputs, decode_logits

MOST_GROUPS = 12


def read_points(head: HeatmapHead, features: Tensor, places: Tensor, columns: Tensor) -> HeadOutput:
    """Backbone features [P,C,H,W], canonical places [M,3] and each crop's choice of them, columns
    [P,N] -> its N points [P,N]."""
    with torch.autocast(features.device.type, enabled=False):
        field = head.weight_field
        maps = head.layer(features.float())
        codes = field.code(field.signature(places.float()))
        shared, group = torch.unique(columns, dim=0, return_inverse=True)
        if len(shared) > MOST_GROUPS:
            return _by_codes(head, maps, codes[columns])
        weights = field.pred_mlp[2](codes)
        weights = weights.reshape(len(places), field.config.feature_dim + 1, -1)
        if len(shared) == 1:
            return _by_weights(head, maps, weights[shared[0]])
        crops = [torch.nonzero(group == number)[:, 0] for number in range(len(shared))]
        parts = [
            _by_weights(head, maps[rows], weights[chosen])
            for rows, chosen in zip(crops, shared, strict=True)
        ]
        return concatenate_outputs(parts, dim=0)[torch.cat(crops).argsort()]


def _by_weights(head: HeatmapHead, maps: Tensor, weights: Tensor) -> HeadOutput:
    """The same points, of weights [N,F+1,channels], in all crops, of maps [P,F,H,W]."""
    matrix, bias = head.weight_field.split(weights)
    logits = torch.matmul(matrix.flatten(0, 1), maps.flatten(2)) + bias.reshape(-1, 1)
    return _decoded(head, logits.reshape(len(maps), *bias.shape, *maps.shape[2:]))


def _by_codes(head: HeatmapHead, maps: Tensor, codes: Tensor) -> HeadOutput:
    """Each crop's own points, of codes [P,N,K]."""
    basis = head.basis_maps(maps)
    flat = basis.flatten(2)
    logits = torch.matmul(codes, flat[:, :-1]) + flat[:, -1:]
    return _decoded(head, logits.reshape(*codes.shape[:2], *basis.shape[2:]))


def _decoded(head: HeatmapHead, logits: Tensor) -> HeadOutput:
    return decode_logits(logits, head.crop_side, head.stride, head.box_size_m)
