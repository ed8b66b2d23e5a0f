# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour of a surface where a pixel sees it, computed from where that is at rest.

Vectors are [3,n], coordinates first: that way a CPU goes through them several times as fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .noise import Noise
from .stage import KINDS, Look

_MOTTLE_SIZE = 0.35  # metres of one repeat
_JOINT = 0.06  # width of the joints between tiles, as a share of one
_GRAIN = 0.012  # metres: mottle fades where a pixel sees more
_FADED, _CLEAR = 1.5, 4.0  # pixels in a period, at which patterns are gone, and clear
_EDGE = 4.0  # how sharp the edges of patterns are
_KIND = {name: number for number, name in enumerate(KINDS)}


@dataclass(frozen=True, eq=False)
class Looks:
    """L looks as tensors. kind [L] int64; colors [9,L]: red, green, blue of the first colour, then
    of the others; places [12,L]: the rows of [3,4], from metres at rest to repeats; period, mottle,
    folds, fold_scale (repeats in a metre), gloss, shininess [L]."""

    kind: Tensor
    colors: Tensor
    places: Tensor
    period: Tensor
    mottle: Tensor
    folds: Tensor
    fold_scale: Tensor
    gloss: Tensor
    shininess: Tensor

    @classmethod
    def of(cls, looks: Sequence[Look], device: torch.device) -> Looks:
        """ValueError for a kind that does not exist."""
        unknown = {look.kind for look in looks} - set(KINDS)
        if unknown:
            raise ValueError(f"unknown kinds of looks: {', '.join(sorted(unknown))}")

        def column(values: list) -> Tensor:
            return torch.from_numpy(np.array(values, np.float32)).to(device)

        places = [np.c_[look.axes / look.period, look.offset].reshape(-1) for look in looks]
        return cls(
            torch.tensor([_KIND[look.kind] for look in looks], device=device),
            column([np.reshape(look.colors, -1) for look in looks]).t().contiguous(),
            column(places).t().contiguous(),
            column([look.period for look in looks]),
            column([look.mottle for look in looks]),
            column([look.folds for look in looks]),
            column([1 / look.fold_size for look in looks]),
            column([look.gloss for look in looks]),
            column([look.shininess for look in looks]),
        )


def surface_colors(
    looks: Looks, look: Tensor, rest: Tensor, footprint: Tensor, noise: Noise
) -> tuple[Tensor, Tensor]:
    """Colours [3,n] and tilts [3,n] to add to the unit normals, at places at rest [3,n] metres of
    looks [n]. footprint: [n], the metres of surface that a pixel sees; what is finer than that
    fades into its mean, as in a camera, instead of making noise."""
    second, third = _shares(looks, look, rest, footprint, noise)
    colors = looks.colors.index_select(1, look)
    color = colors[:3] + second * (colors[3:6] - colors[:3]) + third * (colors[6:] - colors[:3])
    mottle = looks.mottle.index_select(0, look) * noise.grain_at(rest / _MOTTLE_SIZE)
    mottle *= (_GRAIN / footprint).clamp_(max=1)
    creases = noise.tilt_at(rest * looks.fold_scale.index_select(0, look))
    tilt = creases.mul_(looks.folds.index_select(0, look))
    return color.mul_((1 + 0.25 * mottle).clamp_(min=0.2)), tilt


def _shares(
    looks: Looks, look: Tensor, rest: Tensor, footprint: Tensor, noise: Noise
) -> tuple[Tensor, Tensor]:
    """How much of the second and of the third colour [n] is seen at places at rest [3,n]."""
    kind = looks.kind.index_select(0, look)
    second, third = torch.zeros_like(rest[0]), torch.zeros_like(rest[0])
    for name, pattern in _PATTERNS.items():
        rows = (kind == _KIND[name]).nonzero()[:, 0]
        if not len(rows):
            continue
        matrix = looks.places.index_select(1, look[rows])
        x, y, z = rest.index_select(1, rows)
        u, v, w = (matrix[i] * x + matrix[i + 1] * y + matrix[i + 2] * z + matrix[i + 3]
                   for i in (0, 4, 8))  # fmt: skip
        clear = looks.period.index_select(0, look[rows]) / footprint[rows]
        clear = ((clear - _FADED) / (_CLEAR - _FADED)).clamp_(0, 1)
        shares = pattern(torch.stack([u, v, w]), noise)
        for total, share, mean in zip((second, third), shares, _MEANS[name], strict=False):
            total[rows] = mean + clear * (share - mean)
    return second, third


def _steep(values: Tensor) -> Tensor:
    return (values * _EDGE).clamp_(0, 1)


def _bands(along: Tensor) -> Tensor:
    return (0.5 + _EDGE * torch.sin(along * (2 * math.pi))).clamp_(0, 1)


def _joints(across: Tensor, along: Tensor) -> Tensor:
    """One in the joints between tiles of side 1, else zero."""
    inside = torch.minimum(across - across.floor(), along - along.floor())
    return (inside < _JOINT).float()


def _grain(places: Tensor, noise: Noise) -> Tensor:
    """Fine lines along the second axis."""
    fine = noise.grain_at(places * places.new_tensor([[8.0], [0.5], [8.0]]))
    return (0.4 + 0.25 * fine).clamp_(0, 1)


def _dots(places: Tensor, _: Noise) -> tuple[Tensor, ...]:
    waves = torch.sin(places[:2] * (2 * math.pi))
    return (_steep(waves[0] * waves[1] - 0.45),)


def _patches(places: Tensor, noise: Noise) -> tuple[Tensor, ...]:
    cloud = noise.smooth_cloud_at(places)
    return _steep(cloud - 0.4), _steep(-cloud - 0.4)


def _print(places: Tensor, noise: Noise) -> tuple[Tensor, ...]:
    cloud = noise.smooth_cloud_at(places)
    return _steep(cloud - 0.9), _steep(-cloud - 1.6)


def _blocks(places: Tensor, _: Noise) -> tuple[Tensor, ...]:
    block = places[1].floor().remainder(3)
    return (block == 1).float(), (block == 2).float()


def _planks(places: Tensor, noise: Noise) -> tuple[Tensor, ...]:
    plank = (places[0].floor() * 2.4).floor().remainder(3)
    grain = _grain(places, noise)
    ends = _joints(places[0], places[1] / 8)
    return torch.maximum(grain * (plank == 1), ends), grain * (plank == 2) * (1 - ends)


_PATTERNS: dict[str, Callable[[Tensor, Noise], tuple[Tensor, ...]]] = {
    "stripes": lambda places, _: (_bands(places[0]),),
    "checks": lambda places, _: ((_bands(places[0]) + _bands(places[1])) / 2,),
    "dots": _dots,
    "patches": _patches,
    "blocks": _blocks,
    "streaks": lambda places, noise: (_grain(places, noise),),
    "tiles": lambda places, _: (_joints(places[0], places[1]),),
    "bricks": lambda places, _: (_joints((places[0] + places[1].floor()) / 2, places[1]),),
    "planks": _planks,
    "print": _print,
}

# How much of the second and third colours is seen on average.
_MEANS = {
    "stripes": (0.5,),
    "checks": (0.5,),
    "dots": (0.1,),
    "patches": (0.33, 0.33),
    "blocks": (1 / 3, 1 / 3),
    "streaks": (0.4,),
    "tiles": (0.12,),
    "bricks": (0.12,),
    "planks": (0.22, 0.08),
    "print": (0.18, 0.05),
}
