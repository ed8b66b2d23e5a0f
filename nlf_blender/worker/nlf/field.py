# SPDX-License-Identifier: GPL-3.0-or-later
"""The localizer field (paper section 3): a canonical point in, the weights of its readout out.

A canonical point is encoded with learnable Fourier features, an MLP turns the code into an
approximate global point signature of the canonical volume, and a second MLP turns the signature
into the weights and biases of a 1x1 convolution on the image features. Module and parameter names
are those of the official release.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SIGNATURE_SCALE = 0.1
FREQUENCY_STD = 12.0  # of the Fourier features before training
POINTS_PER_CHUNK = 2048


@dataclass(frozen=True)
class FieldConfig:
    """Layer widths of a field; the defaults are the official release's. Without Fourier features
    (`fourier_dim` 0) the first MLP takes plain coordinates."""

    fourier_dim: int = 512
    gps_hidden_dim: int = 2048
    signature_dim: int = 1024
    code_dim: int = 384
    feature_dim: int = 512
    depth: int = 8
    eigenvalue_count: int = 1024

    @property
    def channels(self) -> int:
        """Maps per point: uncertainty, metric x-y heatmap, `depth` slices of the 2.5D heatmap."""
        return 2 + self.depth


class LearnableFourier(nn.Module):
    """Fourier features with learnt frequencies: [N,3] -> [N,fourier_dim]."""

    def __init__(self, out_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(3, out_features // 2, bias=False)
        # Drawn on the CPU: on the device `meta`, a draw makes torch load its compiler for a second.
        start = torch.randn(out_features // 2, 3, device="cpu")
        self.linear.weight = nn.Parameter(FREQUENCY_STD * start)
        self.scale = 1.0 / math.sqrt(out_features)

    def forward(self, points: Tensor) -> Tensor:
        phase = self.linear(points)
        return torch.cat([phase.sin(), phase.cos()], dim=-1) * self.scale


class GPSNet(nn.Module):
    """Approximates the global point signature: canonical points [N,3] metres -> [N,S]."""

    mini: Tensor
    maxi: Tensor
    center: Tensor

    def __init__(self, config: FieldConfig) -> None:
        super().__init__()
        if config.fourier_dim:
            self.learnable_fourier = LearnableFourier(config.fourier_dim)
        self.mlp = nn.Sequential(
            nn.Linear(config.fourier_dim or 3, config.gps_hidden_dim),
            nn.GELU(),
            nn.Linear(config.gps_hidden_dim, config.signature_dim),
        )
        self.register_buffer("mini", torch.full((3,), -1.0))
        self.register_buffer("maxi", torch.full((3,), 1.0))
        self.register_buffer("center", torch.zeros(3))

    def forward(self, points: Tensor) -> Tensor:
        encoded = (points - self.center) / (self.maxi - self.mini)
        if hasattr(self, "learnable_fourier"):
            encoded = self.learnable_fourier(encoded)
        return self.mlp(encoded)


class WeightField(nn.Module):
    """Canonical points -> readout weights.

    The last layer is linear in its input, the point's *code*, so a readout of many points need not
    hold [N,C,F] weights: `HeatmapHead` applies that layer to the image features instead and takes
    dot products with the codes, which is the same function with less work and memory.
    """

    r_sqrt_eigva: Tensor

    def __init__(self, config: FieldConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FieldConfig()
        self.gps_net = GPSNet(config)
        self.pred_mlp = nn.Sequential(
            nn.Linear(config.signature_dim, config.code_dim),
            nn.GELU(),
            nn.Linear(config.code_dim, (config.feature_dim + 1) * config.channels),
        )
        self.register_buffer("r_sqrt_eigva", torch.ones(config.eigenvalue_count))

    def signature(self, points: Tensor) -> Tensor:
        """Positional features of canonical points [N,3] metres: [N,signature_dim].

        They depend on gps_net alone: cache them where gps_net is frozen.
        """
        scale = self.r_sqrt_eigva[: self.config.signature_dim] * SIGNATURE_SCALE
        return self.gps_net(points) * scale

    def code(self, signature: Tensor) -> Tensor:
        """Signatures [N,signature_dim] -> codes [N,code_dim], the last layer's input."""
        return self.pred_mlp[1](self.pred_mlp[0](signature))

    def point_codes(self, points: Tensor, chunk: int = POINTS_PER_CHUNK) -> Tensor:
        """Codes [N,code_dim] of canonical points [N,3] metres, `chunk` points at a time."""
        return _in_chunks(lambda part: self.code(self.signature(part)), points, chunk)

    def forward(self, points: Tensor, chunk: int = POINTS_PER_CHUNK) -> Tensor:
        """Readout weights [N,feature_dim+1,channels] of points [N,3]; the last row is the bias."""
        last = self.pred_mlp[2]
        weights = _in_chunks(lambda part: last(self.code(self.signature(part))), points, chunk)
        return weights.reshape(-1, self.config.feature_dim + 1, self.config.channels)

    def split(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Weights as `forward` gives them -> (w [N,channels,feature_dim], b [N,channels])."""
        by_channel = weights.transpose(1, 2)
        return by_channel[..., :-1], by_channel[..., -1]

    def readout_basis(self) -> tuple[Tensor, Tensor]:
        """The last layer by its parts, for use on features instead of on codes.

        Returns matrix [code_dim+1, channels, feature_dim] and bias [code_dim+1, channels]: row j
        belongs to entry j of the code, the last row to a constant one after it.
        """
        last = self.pred_mlp[2]
        assert isinstance(last, nn.Linear)
        rows = torch.cat([last.weight, last.bias[:, None]], dim=1).T
        rows = rows.reshape(-1, self.config.feature_dim + 1, self.config.channels).transpose(1, 2)
        return rows[..., :-1], rows[..., -1]


def _in_chunks(function: Callable[[Tensor], Tensor], rows: Tensor, chunk: int) -> Tensor:
    """`function` applied to at most `chunk` rows at a time, results joined."""
    if rows.shape[0] <= chunk:
        return function(rows)
    return torch.cat([function(part) for part in rows.split(chunk)])
