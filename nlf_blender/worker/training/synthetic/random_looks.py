# SPDX-License-Identifier: GPL-3.0-or-later
"""Random looks of things, walls and grounds: no two pictures have the same."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .stage import Look

# what many things are made of: linear RGB about which a colour is drawn
_MATERIALS = {
    "wood": ((0.30, 0.16, 0.07), (0.12, 0.06, 0.03), (0.45, 0.28, 0.14)),
    "metal": ((0.35, 0.36, 0.38), (0.12, 0.12, 0.13), (0.6, 0.6, 0.6)),
    "stone": ((0.30, 0.28, 0.26), (0.16, 0.15, 0.14), (0.45, 0.43, 0.40)),
    "leaves": ((0.06, 0.14, 0.03), (0.02, 0.06, 0.01), (0.16, 0.25, 0.06)),
    "earth": ((0.20, 0.14, 0.08), (0.10, 0.07, 0.04), (0.32, 0.25, 0.15)),
    "white": ((0.70, 0.69, 0.66), (0.55, 0.54, 0.50), (0.8, 0.8, 0.8)),
}
_OF_THINGS = ("any", "any", "any", "wood", "metal", "white", "stone")
_KINDS_OF_THINGS = ("plain",) * 3 + ("streaks", "stripes", "checks", "patches", "blocks", "print")
_PLANES = {  # materials and kinds of looks
    "wall": (
        ("white", "white", "stone", "wood", "any", "any", "any"),
        (*("plain",) * 4, "bricks", "stripes", "blocks", "print", "checks"),
    ),
    "floor": (
        ("wood", "stone", "white", "any"),
        ("plain", "planks", "planks", "tiles", "tiles", "checks", "patches"),
    ),
    "ground": (
        ("earth", "leaves", "leaves", "stone", "any"),
        ("plain", "patches", "patches", "tiles", "print"),
    ),
}
T = TypeVar("T")


def pick(random: Generator, options: Sequence[T]) -> T:
    """One of the options, all as likely; many times quicker than numpy's choice."""
    return options[int(random.integers(len(options)))]


def random_color(random: Generator, most_saturation: float = 0.9) -> NDArray[np.float64]:
    """Linear RGB [3]: dull colours more often than bright ones, as in photos."""
    saturation = most_saturation * random.random() ** 2.2
    value = random.uniform(0.02, 1.0) ** 1.6
    return np.array(colorsys.hsv_to_rgb(random.random(), saturation, value))


def material(random: Generator, name: str) -> NDArray[np.float32]:
    """Three colours [3,3] of a material, or any three colours."""
    if name == "any":
        first = random_color(random)
        others = [
            random_color(random) if random.random() < 0.5 else first * random.uniform(0.5, 1.5)
            for _ in range(2)
        ]
        return np.clip([first, *others], 0.005, 0.95).astype(np.float32)
    shift = np.exp(random.normal() * 0.4) * np.exp(random.normal(size=3) * 0.12)
    return np.clip(np.array(_MATERIALS[name]) * shift, 0.005, 0.95).astype(np.float32)


def thing_look(random: Generator) -> Look:
    """Of furniture, boxes, things held."""
    name = pick(random, _OF_THINGS)
    kind = "streaks" if name == "wood" else pick(random, _KINDS_OF_THINGS)
    return Look(
        kind,
        material(random, name),
        period=float(np.exp(random.uniform(np.log(0.03), np.log(0.6)))),
        axes=turned_axes(random),
        offset=random.random(3).astype(np.float32),
        mottle=float(random.uniform(0, 0.6)),
        gloss=float(random.uniform(0, 0.5) ** 2),
        shininess=float(np.exp(random.uniform(1, 4))),
    )


def leaves_look(random: Generator) -> Look:
    """Of bushes and crowns."""
    return Look("patches", material(random, "leaves"), float(random.uniform(0.1, 0.5)), mottle=1.0,
                folds=1.2, fold_size=float(random.uniform(0.1, 0.3)))  # fmt: skip


def plane_look(random: Generator, place: str, axes: NDArray[np.float32]) -> Look:
    """Of a wall, a floor or the open ground; axes: the first two along the plane."""
    names, kinds = _PLANES[place]
    kind = pick(random, kinds)
    large = (0.05, 0.8) if place != "ground" else (0.3, 6.0)
    return Look(
        kind,
        material(random, pick(random, names)),
        period=float(np.exp(random.uniform(*np.log(large)))),
        axes=axes,
        offset=random.random(3).astype(np.float32),
        mottle=float(random.uniform(0, 0.7 if place == "wall" else 1.0)),
        gloss=float(random.uniform(0, 0.4) ** 2),
    )


def turned_axes(random: Generator) -> NDArray[np.float32]:
    """A texture's axes: the thing's own, or turned by chance."""
    if random.random() < 0.6:
        return np.eye(3, dtype=np.float32)[random.permutation(3)]
    axes, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return axes.astype(np.float32)
