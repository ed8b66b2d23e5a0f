# SPDX-License-Identifier: GPL-3.0-or-later
"""The field's positional encoding during training.

Training starts on a random Fourier network of unit scale, which a fresh MLP learns from quickly.
The distilled global point signature then takes its place: the first layer after it is solved for by
least squares so that every point keeps its code, and training goes on.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..nlf.field import WeightField

FREQUENCY = 6.0
RIDGE = 1e-6


@torch.no_grad()
def start_randomly(field: WeightField, points: Tensor) -> None:
    """A random encoding that has unit spread over canonical points [N,3]."""
    low, high = points.min(dim=0).values, points.max(dim=0).values
    field.gps_net.mini.copy_(low)
    field.gps_net.maxi.copy_(high)
    field.gps_net.center.copy_((low + high) / 2)
    nn.init.normal_(field.gps_net.learnable_fourier.linear.weight, std=FREQUENCY)
    field.r_sqrt_eigva.fill_(1.0)
    field.r_sqrt_eigva.div_(field.signature(points).std())


@torch.no_grad()
def adopt_signature(field: WeightField, signature_file: Path, points: Tensor) -> float:
    """Put the signature in, keeping the codes of canonical points [N,3].

    Returns the root mean square change of the layer's output relative to its spread.
    """
    layer = field.pred_mlp[0]
    assert isinstance(layer, nn.Linear)
    wanted = layer(field.signature(points)).double()
    _load(field, signature_file)
    inputs = field.signature(points).double()
    inputs = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
    normal = inputs.T @ inputs
    ridge = RIDGE * normal.diagonal().mean() * torch.eye(len(normal), dtype=torch.float64)
    solved = torch.linalg.solve(normal + ridge, inputs.T @ wanted)
    layer.weight.copy_(solved[:-1].T)
    layer.bias.copy_(solved[-1])
    return float((inputs @ solved - wanted).square().mean().sqrt() / wanted.std())


def _load(field: WeightField, signature_file: Path) -> None:
    tensors = {name: value.float() for name, value in load_file(str(signature_file)).items()}
    result = field.load_state_dict(tensors, strict=False)
    missing = [name for name in result.missing_keys if not name.startswith("pred_mlp.")]
    if missing or result.unexpected_keys:
        raise ValueError(f"{signature_file} lacks {missing} or has {result.unexpected_keys}")
