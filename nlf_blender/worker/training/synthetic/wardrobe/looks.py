# SPDX-License-Identifier: GPL-3.0-or-later
"""Random colours and patterns of skin, hair and cloth."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..random_looks import random_color
from ..stage import Look

Color = NDArray[np.floating]  # [3], linear RGB unless said

# sRGB, from the lightest to the darkest
_SKINS = np.array([
    [0.97, 0.87, 0.80], [0.93, 0.77, 0.66], [0.85, 0.65, 0.51], [0.71, 0.50, 0.36],
    [0.51, 0.34, 0.23], [0.34, 0.22, 0.16], [0.23, 0.15, 0.11],
])  # fmt: skip
_HAIRS = np.array([
    [0.05, 0.04, 0.04], [0.13, 0.09, 0.07], [0.28, 0.18, 0.11], [0.45, 0.30, 0.18],
    [0.50, 0.22, 0.10], [0.75, 0.60, 0.38], [0.88, 0.78, 0.58], [0.55, 0.54, 0.53],
    [0.85, 0.84, 0.82],
])  # fmt: skip
_HAIR_SHARES = np.array([26, 22, 16, 10, 4, 7, 4, 7, 4]) / 100
_DENIMS = np.array([[0.10, 0.14, 0.24], [0.20, 0.28, 0.42], [0.42, 0.52, 0.65]])
_KINDS = ("plain", "stripes", "checks", "dots", "patches", "blocks", "print", "streaks")
_KIND_SHARES = np.array([52, 11, 9, 4, 5, 6, 9, 4]) / 100
# Metres of one repeat, shortest and longest, of the kinds that are not plain.
_PERIODS = {
    "stripes": (0.01, 0.15),
    "checks": (0.015, 0.15),
    "dots": (0.02, 0.1),
    "patches": (0.05, 0.3),
    "blocks": (0.15, 0.5),
    "print": (0.2, 0.5),
    "streaks": (0.01, 0.05),
}


def linear(srgb: NDArray[np.float64]) -> Color:
    """sRGB in 0..1 as linear RGB (IEC 61966-2-1)."""
    srgb = np.clip(srgb, 0, 1)
    high = ((srgb + 0.055) / 1.055) ** 2.4
    return np.where(srgb <= 0.04045, srgb / 12.92, high).astype(np.float32)


def cloth_color(random: Generator) -> Color:
    """A colour of cloth: greys, black, white and navy are as common as all others."""
    chosen = random.random()
    if chosen < 0.15:
        return linear(np.full(3, random.uniform(0.03, 0.15)))
    if chosen < 0.25:
        return linear(random.uniform(0.85, 0.98, 3))
    if chosen < 0.35:
        return linear(random.uniform(0.2, 0.8) + random.normal(size=3) * 0.02)
    if chosen < 0.42:
        return linear(np.array([0.06, 0.08, 0.2]) * random.uniform(0.6, 1.8))
    return random_color(random)


def cloth(random: Generator, kind: str | None = None) -> Look:
    """Cloth of a pattern, any by default, with creases."""
    if kind is None:
        kind = str(random.choice(_KINDS, p=_KIND_SHARES))
    base = cloth_color(random)
    alike = base * random.uniform(0.3, 1.5)  # tone in tone
    second = alike if random.random() < 0.35 else cloth_color(random)
    shortest, longest = _PERIODS.get(kind, (0.1, 0.1))
    return Look(
        kind=kind,
        colors=np.clip([base, second, cloth_color(random)], 0, 1).astype(np.float32),
        period=float(np.exp(random.uniform(np.log(shortest), np.log(longest)))),
        axes=_pattern_axes(random),
        offset=random.random(3).astype(np.float32),
        mottle=random.uniform(0, 0.12),
        folds=random.uniform(0.03, 0.35),
        fold_size=random.uniform(0.08, 0.25),
        gloss=max(0.0, random.uniform(-0.3, 0.3)),
        shininess=random.uniform(4, 30),
    )


def denim(random: Generator) -> Look:
    """Blue jeans."""
    tone = random.uniform(0, len(_DENIMS) - 1)
    blue = linear(_between(_DENIMS, tone))
    colors = np.stack([blue, blue * 0.7, blue * 1.3]).astype(np.float32)
    return Look("streaks", colors, period=0.02, mottle=0.1, folds=random.uniform(0.05, 0.3))


def camouflage(random: Generator) -> Look:
    """Patches of three earthy colours."""
    greens = [[0.22, 0.27, 0.16], [0.42, 0.38, 0.26], [0.12, 0.12, 0.10]]
    colors = [linear(np.array(green) * random.uniform(0.7, 1.3, 3)) for green in greens]
    period = random.uniform(0.06, 0.25)
    return Look("patches", np.array(colors), period=period, offset=_offset(random), folds=0.15)


def leather(random: Generator) -> Look:
    """Shoes: plain, dark or coloured, often shining."""
    color = cloth_color(random) * (0.4 if random.random() < 0.5 else 1)
    colors = np.stack([color, color * 0.6, color * 1.2]).astype(np.float32)
    gloss = random.uniform(0, 0.5)
    return Look("plain", colors, mottle=random.uniform(0, 0.2), gloss=gloss, shininess=25.0)


def skin(random: Generator) -> Look:
    """Skin of any human tone."""
    tone = linear(_between(_SKINS, random.uniform(0, len(_SKINS) - 1)))
    tone = tone * np.exp(random.normal(size=3) * 0.05)
    colors = np.clip(np.stack([tone, tone * 0.9, tone * 1.05]), 0, 1).astype(np.float32)
    gloss = random.uniform(0, 0.25)
    return Look("plain", colors, mottle=random.uniform(0.02, 0.12), gloss=gloss, shininess=12.0)


def hair(random: Generator) -> Look:
    """Hair of a natural colour, or now and then of any."""
    color = linear(_HAIRS[random.choice(len(_HAIRS), p=_HAIR_SHARES)])
    color = random_color(random) if random.random() < 0.04 else color * random.uniform(0.6, 1.4)
    colors = np.clip(np.stack([color, color * 0.55, color * 1.5]), 0, 1).astype(np.float32)
    return Look(
        "streaks",
        colors,
        period=random.uniform(0.01, 0.03),
        offset=_offset(random),
        mottle=0.2,
        folds=random.uniform(0.1, 0.4),
        fold_size=0.03,
        gloss=random.uniform(0, 0.4),
    )


def _between(table: NDArray[np.float64], place: float) -> NDArray[np.float64]:
    """The row of a table [N,3] at a fractional number 0..N-1."""
    rows = np.arange(len(table))
    return np.array([np.interp(place, rows, column) for column in table.T])


def _offset(random: Generator) -> NDArray[np.float32]:
    return random.random(3).astype(np.float32)


def _pattern_axes(random: Generator) -> NDArray[np.float32]:
    """Rows of a rotation: mostly across or along the body, now and then aslant."""
    turn = random.choice([0.0, np.pi / 2]) if random.random() < 0.8 else random.uniform(0, np.pi)
    turn += random.normal() * 0.04
    cosine, sine = np.cos(turn), np.sin(turn)
    return np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]], np.float32)
