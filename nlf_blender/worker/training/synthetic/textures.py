# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour of a surface where a pixel sees it, computed from where that is at rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .noise import CLOUD, GRAIN, TILT, Noise
from .stage import KINDS, Look

_MOTTLE_SIZE = 0.35  # metres of one repeat
_JOINT = 0.06  # share of a tile
_EDGE = 4.0  # how sharp the edges of patterns are
_KIND = {name: number for number, name in enumerate(KINDS)}


@dataclass(frozen=True, eq=False)
class Looks:
    """L looks as tensors: kind [L] int64; colors [L,3,3]; places [L,3,4], from metres at rest to
    repeats; mottle, folds, fold_scale (repeats in a metre), gloss, shininess [L]."""

    kind: Tensor
    colors: Tensor
    places: Tensor
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
            return torch.from_numpy(np.asarray(values, np.float32)).to(device)

        places = [np.c_[look.axes / look.period, look.offset] for look in looks]
        return cls(
            torch.tensor([_KIND[look.kind] for look in looks], device=device),
            column([look.colors for look in looks]),
            column(places),
            *(column([getattr(look, name) for look in looks]) for name in ("mottle", "folds")),
            column([1 / look.fold_size for look in looks]),
            *(column([getattr(look, name) for look in looks]) for name in ("gloss", "shininess")),
        )


def surface_colors(looks: Looks, look: Tensor, rest: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """Colours [n,3] and tilts [n,3] to add to the unit normals, at places at rest [n,3] metres of
    looks [n]."""
    matrix = looks.places.index_select(0, look)
    places = (matrix[..., :3] * rest[:, None]).sum(-1) + matrix[..., 3]
    shares = _shares(looks.kind[look], places, noise)
    colors = (looks.colors.index_select(0, look) * shares[..., None]).sum(1)
    fine = noise.at(rest / _MOTTLE_SIZE)[:, GRAIN]
    colors = colors * (1 + looks.mottle[look] * 0.25 * fine).clamp(min=0.2)[:, None]
    creases = noise.at(rest * looks.fold_scale[look][:, None])[:, TILT]
    return colors, creases * looks.folds[look][:, None]


def _shares(kind: Tensor, places: Tensor, noise: Noise) -> Tensor:
    """How much of each of the three colours [n,3] is at places [n,3] in repeats."""
    waves = torch.sin(places * (2 * math.pi))
    bands = (0.5 + _EDGE * waves[:, :2]).clamp(0, 1)
    cloud = noise.at(places)[:, CLOUD]
    fine = noise.at(places * places.new_tensor([8.0, 0.5, 8.0]))[:, GRAIN]
    grain = (0.4 + 0.25 * fine).clamp(0, 1)
    row = places[:, 1].floor()
    block = row.remainder(3)
    plank = (places[:, 0].floor() * 2.4).floor().remainder(3)

    def steep(values: Tensor) -> Tensor:
        return (values * _EDGE).clamp(0, 1)

    second = {
        "stripes": bands[:, 0],
        "checks": (bands[:, 0] + bands[:, 1]) / 2,
        "dots": steep(waves[:, 0] * waves[:, 1] - 0.45),
        "patches": steep(cloud - 0.4),
        "blocks": (block == 1).float(),
        "streaks": grain,
        "tiles": _joints(places[:, 0], places[:, 1]),
        "bricks": _joints(places[:, 0] / 2 + row / 2, places[:, 1]),
        "planks": torch.maximum(grain * (plank == 1), _joints(places[:, 0], places[:, 1] / 8)),
        "print": steep(cloud - 0.9),
    }
    third = {
        "patches": steep(-cloud - 0.4),
        "blocks": (block == 2).float(),
        "planks": grain * (plank == 2),
        "print": steep(-cloud - 1.6),
    }
    nothing = torch.zeros_like(cloud)
    totals = []
    for shares in (second, third):
        total = nothing
        for name, values in shares.items():
            total = torch.where(kind == _KIND[name], values, total)
        totals.append(total)
    return torch.stack([1 - totals[0] - totals[1], *totals], dim=1)


def _joints(across: Tensor, along: Tensor) -> Tensor:
    """One in the joints between tiles of side 1, else zero."""
    inside = torch.minimum(across.remainder(1), along.remainder(1))
    return (inside < _JOINT).float()
