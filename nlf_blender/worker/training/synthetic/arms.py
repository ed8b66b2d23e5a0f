# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tasks arms are given, what hands, collars and feet do beside, at random."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from .arm_tasks import (
    Arms,
    Goals,
    anywhere,
    backward,
    crossed,
    flat,
    forward,
    hang,
    on_face,
    on_head,
    on_hip,
    on_shoulder,
    on_thigh,
    phone,
    propped,
    raised,
    sideways,
    to_ground,
    together,
)
from .draft import SIDES, Draft, sides
from .limb_reach import Reach
from .skeleton import INDEX
from .turns import turn

Task = Callable[[Arms, str, Generator], Reach]
ANY: tuple[tuple[float, Task], ...] = (
    (0.22, hang), (0.22, anywhere), (0.10, raised), (0.09, forward), (0.05, backward),
    (0.05, sideways), (0.06, on_hip), (0.05, on_head), (0.05, on_face), (0.03, phone),
    (0.03, on_shoulder), (0.05, on_thigh),
)  # fmt: skip
GROUPS: dict[str, tuple[tuple[float, Task], ...]] = {
    "any": ANY,
    "lap": ((0.8, on_thigh), (0.1, on_face), (0.1, anywhere)),
    "down": ((0.6, to_ground), (0.25, on_thigh), (0.15, anywhere)),
    "ground": ((0.9, to_ground), (0.1, anywhere)),
    "prop": ((0.8, propped), (0.2, to_ground)),
    "flat": ((0.85, flat), (0.15, on_head)),
    "overhead": ((0.8, raised), (0.2, on_head)),
    "front": ((0.7, forward), (0.3, raised)),
}
SAME_TASK = 0.55  # of the arms do what the other does
PAIRED = 0.14  # of the free arms work together


def draw_arms(arms: Arms, draft: Draft, random: Generator) -> Goals:
    """Where both wrists of a draft go."""
    group = str(random.choice(draft.arms))
    if group in ("any", "lap") and random.random() < PAIRED:
        return crossed(arms, random) if random.random() < 0.35 else together(arms, random)
    task = _choose(random, GROUPS[group])
    goals = {}
    for side in sides(random):
        goals[side] = task(arms, side, random)
        if random.random() > SAME_TASK:
            task = _choose(random, GROUPS[group])
    return goals


def _choose(random: Generator, tasks: tuple[tuple[float, Task], ...]) -> Task:
    bounds = np.cumsum([chance for chance, _ in tasks])
    row = int(np.searchsorted(bounds, random.random() * bounds[-1], side="right"))
    return tasks[min(row, len(tasks) - 1)][1]


def draw_collars(draft: Draft, random: Generator) -> None:
    """A shrug or a drop of each shoulder."""
    for side, sign in SIDES:
        lift, back = abs(random.normal()) * 6 - 2, random.normal() * 6
        draft.set(f"{side}_collar", turn("z", sign * lift) @ turn("y", sign * back))


def draw_hands(draft: Draft, random: Generator) -> None:
    """Wrists bent, fingers curled, feet turned a little."""
    for side, sign in SIDES:
        row = INDEX[f"{side}_wrist"]
        bent = turn("z", sign * random.normal() * 18) @ turn("y", sign * random.normal() * 9)
        draft.local[row] = draft.local[row] @ bent
        curl = abs(random.normal()) * 28
        draft.set(f"{side}_hand", turn("z", -sign * curl))
        foot = INDEX[f"{side}_ankle"]
        turned = turn("y", sign * random.normal() * 6) @ turn("z", random.normal() * 5)
        draft.local[foot] = draft.local[foot] @ turned @ turn("x", random.normal() * 7)
        draft.set(f"{side}_foot", turn("x", random.normal() * 8))
