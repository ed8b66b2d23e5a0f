# SPDX-License-Identifier: GPL-3.0-or-later
"""Random fields that repeat: looked up per pixel instead of computed there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SIDE = 64  # cells along each axis of the volume, one repeat
GRAINS = 1 << 21
_CLOUD_WAVES, _CREASE_WAVES = (2, 14), (1, 6)  # in one repeat, the coarsest and the finest


@dataclass(frozen=True, eq=False)
class Noise:
    """Values in each cell of a cube of side 1 that repeats: cloud [SIDE^3], smooth, of unit
    variance; grain [SIDE^3], rough, of unit variance; tilt [3,SIDE^3], the slope of creases, of
    unit size on average. grains [GRAINS]: normal random numbers without any order."""

    cloud: Tensor
    grain: Tensor
    tilt: Tensor
    grains: Tensor

    @classmethod
    def on(cls, device: torch.device) -> Noise:
        """The same tables always."""
        random = np.random.default_rng(20)
        cloud, creases = _cloud(random, *_CLOUD_WAVES), _cloud(random, *_CREASE_WAVES)
        tilt = np.stack([np.roll(creases, -1, i) - np.roll(creases, 1, i) for i in range(3)])
        tilt /= np.sqrt((tilt**2).sum(axis=0).mean())
        rough = random.normal(size=cloud.shape)
        for axis in range(3):
            rough = rough + np.roll(rough, 1, axis)
        tables = (cloud.reshape(-1), rough.reshape(-1) / rough.std(), tilt.reshape(3, -1),
                  random.normal(size=GRAINS))  # fmt: skip
        return cls(*(torch.from_numpy(table.astype(np.float32)).to(device) for table in tables))

    def cloud_at(self, places: Tensor) -> Tensor:
        """The cloud [n] at places [3,n] in repeats."""
        return self.cloud.index_select(0, _cells(places))

    def smooth_cloud_at(self, places: Tensor) -> Tensor:
        """The cloud [n] between cells, too, at places [3,n] in repeats: for what is far larger than
        a cell on screen."""
        low = (places * SIDE).floor()
        x, y, z = places * SIDE - low
        total = torch.zeros_like(x)
        for corner in range(8):
            right, up, far = corner & 1, corner >> 1 & 1, corner >> 2
            share = (x if right else 1 - x) * (y if up else 1 - y) * (z if far else 1 - z)
            offset = low.new_tensor([[right + 0.5], [up + 0.5], [far + 0.5]])
            total += share * self.cloud_at((low + offset) / SIDE)
        return total

    def grain_at(self, places: Tensor) -> Tensor:
        """The grain [n] at places [3,n] in repeats."""
        return self.grain.index_select(0, _cells(places))

    def tilt_at(self, places: Tensor) -> Tensor:
        """The slope of creases [3,n] at places [3,n] in repeats."""
        return self.tilt.index_select(1, _cells(places))

    def film(self, starts: Tensor, count: int) -> Tensor:
        """Normal random numbers [P,count], another run of them for each start [P] int64."""
        table = self.grains.repeat(count // GRAINS + 2) if count > GRAINS // 2 else self.grains
        runs = table.unfold(0, count, 1)
        return runs[starts % len(runs)]


def _cells(places: Tensor) -> Tensor:
    x, y, z = (places * SIDE).floor().to(torch.int32) & (SIDE - 1)
    return (x * SIDE + y) * SIDE + z


def _cloud(random: np.random.Generator, coarsest: int, finest: int) -> NDArray[np.float64]:
    """Noise of many scales, the larger the stronger, unit variance, [SIDE,SIDE,SIDE]."""
    waves = np.fft.fftfreq(SIDE) * SIDE
    length = np.sqrt(waves[:, None, None] ** 2 + waves[:, None] ** 2 + waves**2)
    band = (length >= coarsest) & (length <= finest)
    strength = np.where(band, np.maximum(length, 1) ** -2.0, 0)
    spectrum = np.fft.fftn(random.normal(size=(SIDE,) * 3)) * strength
    cloud = np.fft.ifftn(spectrum).real
    return cloud / cloud.std()
