# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn postures of trunk and legs, and how likely each kind is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from . import low_postures, upright_postures
from .draft import Draft
from .skeleton import INDEX
from .turns import turn


def tumble(random: Generator) -> Draft:
    """Upside down, falling, diving: a posture of another kind, turned."""
    draft = (
        upright_postures.jump(random) if random.random() < 0.6 else upright_postures.stride(random)
    )
    draft.name, draft.rests_on, draft.arms = "tumble", "air", ("any", "overhead")
    tip = turn("x", random.uniform(60, 300)) @ turn("z", random.normal() * 40)
    draft.local[INDEX["pelvis"]] = tip @ draft.local[INDEX["pelvis"]]
    return draft


POSTURES: dict[str, tuple[float, Callable[[Generator], Draft]]] = {
    "stand": (0.14, upright_postures.stand),
    "stride": (0.06, upright_postures.stride),
    "lunge": (0.05, upright_postures.lunge),
    "bend": (0.08, upright_postures.bend),
    "crouch": (0.10, low_postures.crouch),
    "kneel": (0.09, low_postures.kneel),
    "sit_chair": (0.15, low_postures.sit_chair),
    "sit_floor": (0.10, low_postures.sit_floor),
    "lie_back": (0.045, low_postures.lie_back),
    "lie_belly": (0.035, low_postures.lie_belly),
    "lie_side": (0.035, low_postures.lie_side),
    "all_fours": (0.04, low_postures.all_fours),
    "climb": (0.03, upright_postures.climb),
    "kick": (0.03, upright_postures.kick),
    "balance": (0.025, upright_postures.balance),
    "jump": (0.025, upright_postures.jump),
    "tumble": (0.01, tumble),
}
_NAMES = tuple(POSTURES)
_BOUNDS = np.cumsum([chance for chance, _ in POSTURES.values()])


def choose_posture(random: Generator) -> Callable[[Generator], Draft]:
    """What draws postures of one kind, each as likely as its number in POSTURES."""
    kind = int(np.searchsorted(_BOUNDS, random.random() * _BOUNDS[-1], side="right"))
    return POSTURES[_NAMES[min(kind, len(_NAMES) - 1)]][1]


def draw_head(random: Generator, draft: Draft) -> None:
    """Look somewhere, beside what the posture does with the head."""
    look = turn("y", random.normal() * 14) @ turn("x", random.normal() * 10)
    for joint in ("neck", "head"):
        row = INDEX[joint]
        draft.local[row] = draft.local[row] @ look @ turn("z", random.normal() * 5)
