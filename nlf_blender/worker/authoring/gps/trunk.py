# SPDX-License-Identifier: GPL-3.0-or-later
"""The distilled network with its mirror symmetry built in.

Half of the frequencies and of the hidden units are free; the other half are their mirror images,
so that sums of pairs are even and differences odd in x, exactly. `gps_state` writes the pairs out
as the plain network that ships.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...nlf.field import FieldConfig

# Radians per metre. Slow waves carry the limbs, faster ones tell fingers and toes apart.
SLOW_WAVES, FAST_WAVES = 12.0, 22.0


class MirroredTrunk(nn.Module):
    """Points [N,3] metres -> hidden units, even [N,H] and odd [N,H]; H is half of the net's."""

    mini: Tensor
    maxi: Tensor
    center: Tensor

    def __init__(self, config: FieldConfig, mini: Tensor, maxi: Tensor, seed: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.register_buffer("mini", mini)
        self.register_buffer("maxi", maxi)
        self.register_buffer("center", (mini + maxi) / 2)
        self.register_buffer("_flip", torch.tensor([-1.0, 1.0, 1.0]))
        waves, units = config.fourier_dim // 4, config.gps_hidden_dim // 2
        self.slow_count = waves // 2
        speed = torch.full((waves, 1), FAST_WAVES)
        speed[: self.slow_count] = SLOW_WAVES
        drawn = torch.randn(waves, 3, generator=random) * speed * (maxi - mini)
        self.waves = nn.Parameter(drawn)
        self.matrix = nn.Parameter(torch.randn(units, 4 * waves, generator=random))
        self.bias = nn.Parameter(torch.randn(units, generator=random) / 2)
        with torch.no_grad():
            self.matrix.view(units, 4, waves)[..., self.slow_count :] *= 0.3

    def phases(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Phases [N,W] of the free waves and of their mirror images, radians."""
        placed = (points - self.center) / (self.maxi - self.mini)
        return placed @ self.waves.T, (placed * self._flip) @ self.waves.T

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        own, other = self.phases(points)
        here = self._units(fourier_code(own, other))
        there = self._units(fourier_code(other, own))
        return here + there, here - there

    def _units(self, code: Tensor) -> Tensor:
        return nn.functional.gelu(code @ self.matrix.T + self.bias)


def fourier_code(own: Tensor, other: Tensor) -> Tensor:
    """The network's Fourier features [N,4W] of phases [N,W] and their mirror images' [N,W]."""
    waves = torch.cat([own, other], dim=1)
    return torch.cat([waves.sin(), waves.cos()], dim=1) / math.sqrt(4 * own.shape[1])


def gps_state(trunk: MirroredTrunk, readout: Tensor, even: Tensor) -> dict[str, Tensor]:
    """Parameters of the equivalent `GPSNet`.

    readout [H,K]: the outputs' weights on even or odd hidden units; even [K]: which of the two.
    """
    waves = trunk.waves.detach()
    matrix = trunk.matrix.detach()
    blocks = matrix.view(len(matrix), 2, 2, -1)
    mirrored = blocks.flip(2).reshape(matrix.shape)
    signed = torch.where(even, readout, -readout)
    return {
        "learnable_fourier.linear.weight": torch.cat([waves, waves * trunk._flip]),
        "mlp.0.weight": torch.cat([matrix, mirrored]),
        "mlp.0.bias": trunk.bias.detach().repeat(2),
        "mlp.2.weight": torch.cat([readout, signed]).T.contiguous(),
        "mlp.2.bias": torch.zeros(readout.shape[1]),
        "mini": trunk.mini,
        "maxi": trunk.maxi,
        "center": trunk.center,
    }
