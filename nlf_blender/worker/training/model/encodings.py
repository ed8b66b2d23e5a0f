# SPDX-License-Identifier: GPL-3.0-or-later
"""The three positional encodings of canonical points (paper section 4.4, ablation).

`gps`: a frozen network that approximates the global point signature of the canonical volume.
`fourier_gps`: the same network, learnt on from there. `coordinates`: an MLP of the same widths on
plain coordinates, learnt from nothing.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ....errors import UserError
from ...assets import ASSETS
from ...nlf.field import FieldConfig, WeightField
from ...nlf.head import UNCERTAINTY_FLOOR
from .settings import Encoding

SIGNATURE_FILE = ASSETS / "canonical_field.safetensors"
START_SPREAD_M = 0.1  # a third of the error that untrained models make
FREQUENCY_STD = 6.0  # of the random Fourier features whose codes training starts from
RIDGE = 1e-6


def field_config(encoding: Encoding) -> FieldConfig:
    """The layer widths of a field with this encoding."""
    return FieldConfig(fourier_dim=0) if encoding == "coordinates" else FieldConfig()


@torch.no_grad()
def start_field(field: WeightField, encoding: Encoding, points: Tensor) -> None:
    """Give an untrained field its encoding, and codes of canonical points [N,3] (samples of the
    whole volume) that training can use from the first step. UserError if the signature's file is
    missing."""
    if encoding == "coordinates":
        _start_coordinates(field, points)
    else:
        load_signature(field)
        _whiten_first_layer(field, points)
    field.gps_net.requires_grad_(encoding != "gps")
    last = field.pred_mlp[2]
    assert isinstance(last, nn.Linear)
    # The map of the uncertainty is the first channel; its bias is in the last row of weights.
    start = START_SPREAD_M - UNCERTAINTY_FLOOR
    last.bias[-field.config.channels] = math.log(math.expm1(start))


@torch.no_grad()
def load_signature(field: WeightField, path: Path = SIGNATURE_FILE) -> None:
    """Put the distilled global point signature into a field. UserError if its file is not there or
    does not fit."""
    try:
        tensors = {name: value.float() for name, value in load_file(str(path)).items()}
        result = field.load_state_dict(tensors, strict=False)
        wrong = [name for name in result.missing_keys if not name.startswith("pred_mlp.")]
        wrong += result.unexpected_keys
    except (OSError, SafetensorError, RuntimeError) as error:
        wrong = [str(error)]
    if wrong:
        raise UserError(
            "Positional encoding not usable",
            f"{path} cannot be used ({'; '.join(wrong)[:300]}).",
            "Train from the source repository, which has this file; the extension's zip has not.",
        )


def _bound(field: WeightField, points: Tensor) -> None:
    """Make canonical points [N,3] reach from -0.5 to 0.5."""
    low, high = points.min(dim=0).values, points.max(dim=0).values
    field.gps_net.mini.copy_(low)
    field.gps_net.maxi.copy_(high)
    field.gps_net.center.copy_((low + high) / 2)


def _start_coordinates(field: WeightField, points: Tensor) -> None:
    """Plain coordinates of points [N,3], whose codes have unit spread."""
    _bound(field, points)
    field.r_sqrt_eigva.fill_(1.0)
    field.r_sqrt_eigva.div_(field.signature(points).std())


def _whiten_first_layer(field: WeightField, points: Tensor) -> None:
    """Start the layer after the signature with the codes of a random Fourier network.

    The signature's entries fall off steeply, and a fresh layer gives all points about the same
    code, which training takes long to part. So the layer is solved for by least squares, such that
    points [N,3] get the codes that they would have from random Fourier features of unit spread.
    """
    layer = field.pred_mlp[0]
    assert isinstance(layer, nn.Linear)
    other = WeightField(field.config).to(points.device)
    _bound(other, points)
    nn.init.normal_(other.gps_net.learnable_fourier.linear.weight, std=FREQUENCY_STD)
    other.r_sqrt_eigva.div_(other.signature(points).std())
    wanted = layer(other.signature(points)).double()
    inputs = field.signature(points).double()
    inputs = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
    normal = inputs.T @ inputs
    ridge = RIDGE * normal.diagonal().mean() * torch.eye(len(normal)).to(normal)
    solved = torch.linalg.solve(normal + ridge, inputs.T @ wanted)
    layer.weight.copy_(solved[:-1].T)
    layer.bias.copy_(solved[-1])
