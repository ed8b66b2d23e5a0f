# SPDX-License-Identifier: GPL-3.0-or-later
"""Random fields that repeat: looked up per pixel instead of computed there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SIDE = 64  # cells along each axis of the volume, one repeat
GRAINS = 1 << 18
_CLOUD_WAVES, _CREASE_WAVES = (2, 14), (1, 6)  # in one repeat, the coarsest and the finest
CLOUD, GRAIN, TILT = 0, 1, slice(2, 5)  # columns of the volume


@dataclass(frozen=True, eq=False)
class Noise:
    """volume: [SIDE^3,5], in each cell of a cube of side 1 that repeats: a smooth cloud of unit
    variance, rough grain of unit variance, and the slope of creases, of unit size on average.
    grains: [GRAINS] normal random numbers without any order."""

    volume: Tensor
    grains: Tensor

    @classmethod
    def on(cls, device: torch.device) -> Noise:
        """The same tables always."""
        random = np.random.default_rng(20)
        cloud, creases = _cloud(random, *_CLOUD_WAVES), _cloud(random, *_CREASE_WAVES)
        slopes = np.stack(
            [np.roll(creases, -1, axis) - np.roll(creases, 1, axis) for axis in range(3)]
        )
        slopes /= np.sqrt((slopes**2).sum(axis=0).mean())
        rough = random.normal(size=cloud.shape)
        for axis in range(3):
            rough = rough + np.roll(rough, 1, axis)
        columns = np.stack([cloud, rough / rough.std(), *slopes], axis=-1).reshape(-1, 5)
        volume = torch.from_numpy(columns.astype(np.float32))
        grains = torch.from_numpy(random.normal(size=GRAINS).astype(np.float32))
        return cls(volume.to(device), grains.to(device))

    def at(self, places: Tensor) -> Tensor:
        """The volume's columns [n,5] at places [n,3] in repeats."""
        cells = (places * SIDE).floor().to(torch.int32) & (SIDE - 1)
        flat = (cells[:, 0] * SIDE + cells[:, 1]) * SIDE + cells[:, 2]
        return self.volume.index_select(0, flat)

    def film(self, starts: Tensor, count: int) -> Tensor:
        """Normal random numbers [P,count], another run of them for each start [P] int64."""
        index = torch.arange(count, device=starts.device)
        # A step that grows keeps runs that overlap from being shifted copies of one another.
        index = starts[:, None] + index * (2 * (starts[:, None] % 977) + 1)
        return self.grains[index & (GRAINS - 1)]


def _cloud(random: np.random.Generator, coarsest: int, finest: int) -> NDArray[np.float64]:
    """Noise of many scales, the larger the stronger, unit variance, [SIDE,SIDE,SIDE]."""
    waves = np.fft.fftfreq(SIDE) * SIDE
    length = np.sqrt(waves[:, None, None] ** 2 + waves[:, None] ** 2 + waves**2)
    band = (length >= coarsest) & (length <= finest)
    strength = np.where(band, np.maximum(length, 1) ** -2.0, 0)
    spectrum = np.fft.fftn(random.normal(size=(SIDE,) * 3)) * strength
    cloud = np.fft.ifftn(spectrum).real
    return cloud / cloud.std()
