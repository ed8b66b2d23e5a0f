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
COORDINATE_STD = 0.03  # of their encoding at the start, as the signature has
START_SPREAD_M = 0.1  # a third of the error that untrained models make
FIRST_LAYER_FACTOR = 4.0  # on the usual start of the layer after a signature; see `start_field`


def field_config(encoding: Encoding) -> FieldConfig:
    """The layer widths of a field with this encoding."""
    return FieldConfig(fourier_dim=0) if encoding == "coordinates" else FieldConfig()


@torch.no_grad()
def start_field(field: WeightField, encoding: Encoding, points: Tensor) -> None:
    """Give an untrained field its encoding; canonical points [N,3] are samples of the volume.
    UserError if the signature's file is missing.

    Signatures are small numbers, so that untrained codes hardly differ from point to point. That is
    a better start than codes that do: after 240 steps on cached features (16 crops each, held-out
    errors about the mean) 175 mm as it is and 173 with the layer after the signature four times as
    large, but 185 with codes of half unit spread, and 227 with those of random Fourier features.
    """
    if encoding == "coordinates":
        _start_coordinates(field, points)
    else:
        load_signature(field)
        first = field.pred_mlp[0]
        assert isinstance(first, nn.Linear)
        first.weight.mul_(FIRST_LAYER_FACTOR)
    field.gps_net.requires_grad_(encoding != "gps")
    _start_uncertainty(field)


def _start_uncertainty(field: WeightField) -> None:
    """The same uncertainty for all points, about that of an untrained model: from much more, the
    first steps would fall to where the softplus is flat."""
    last, channels = field.pred_mlp[2], field.config.channels
    assert isinstance(last, nn.Linear)
    rows = slice(0, None, channels)  # of the first channel, which is the uncertainty's
    last.weight[rows] = 0.0
    last.bias[rows] = 0.0
    last.bias[-channels] = math.log(math.expm1(START_SPREAD_M - UNCERTAINTY_FLOOR))


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
    """An MLP on plain coordinates, such that codes of points [N,3] differ as little as those of
    signatures; with ten times as much, training saturates the heatmaps and stops."""
    _bound(field, points)
    field.r_sqrt_eigva.fill_(1.0)
    field.r_sqrt_eigva.mul_(COORDINATE_STD / field.signature(points).std())
