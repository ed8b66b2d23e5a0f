# SPDX-License-Identifier: GPL-3.0-or-later
"""Postures on the feet or in the air at random: standing, striding, bending, kicking, climbing.

Each function draws one; angles are degrees.
"""

from __future__ import annotations

from numpy.random import Generator

from .draft import SIDES, Draft, sides
from .turns import turn


def stand(random: Generator) -> Draft:
    """Standing, the weight on both legs or on one."""
    draft = Draft(name="stand")
    lean = random.normal() * 5
    draft.pelvis(lean)
    spread = abs(random.normal()) * 9
    draft.legs(random, lean, abs(random.normal()) * 7, spread=spread, out=8.0)
    if random.random() < 0.4:
        side, _ = sides(random)
        draft.leg(side, lean + random.uniform(5, 30), random.uniform(10, 45), spread, 10.0)
    draft.spine(random.normal() * 9, random.normal() * 15, random.normal() * 8)
    return draft


def stride(random: Generator) -> Draft:
    """Walking to running."""
    draft = Draft(name="stride")
    lean = random.uniform(-3, 22)
    draft.pelvis(lean, random.normal() * 8)
    front, back = sides(random)
    draft.leg(front, lean + random.uniform(10, 75), random.uniform(5, 105), 2, 4, -5)
    draft.leg(back, lean - random.uniform(5, 40), random.uniform(0, 80), 2, 4, 15)
    draft.spine(random.uniform(-8, 18), random.normal() * 14, random.normal() * 5)
    return draft


def lunge(random: Generator) -> Draft:
    """A long step forward or to the side."""
    draft = Draft(name="lunge")
    lean = random.uniform(-5, 30)
    draft.pelvis(lean)
    front, back = sides(random)
    if random.random() < 0.3:  # to the side
        draft.leg(front, lean + random.uniform(30, 80), random.uniform(50, 110), 35, 20)
        draft.leg(back, lean, random.uniform(0, 10), random.uniform(35, 65), 10)
    else:
        draft.leg(front, lean + random.uniform(55, 100), random.uniform(60, 110), 5, 8, -10)
        draft.leg(back, lean - random.uniform(10, 40), random.uniform(0, 60), 5, 4, 20)
    draft.spine(random.uniform(-10, 30), random.normal() * 18, random.normal() * 10)
    return draft


def bend(random: Generator) -> Draft:
    """Bent over on the feet, knees straight or not."""
    draft = Draft(name="bend", arms=("any", "down"))
    lean = random.uniform(20, 95)
    draft.pelvis(lean, random.normal() * 10)
    draft.legs(random, lean, random.uniform(0, 45), spread=abs(random.normal()) * 12, out=8.0)
    draft.spine(random.uniform(-10, 70), random.normal() * 18, random.normal() * 10)
    return draft


def climb(random: Generator) -> Draft:
    """One foot high, arms up, off the ground."""
    draft = Draft(name="climb", rests_on="air", arms=("overhead", "front"))
    draft.pelvis(random.uniform(-15, 15), random.normal() * 8)
    high, low = sides(random)
    draft.leg(high, random.uniform(45, 115), random.uniform(60, 130), random.uniform(5, 45), 15)
    draft.leg(low, random.uniform(-15, 25), random.uniform(0, 40), 8, 10, 15)
    draft.spine(random.uniform(-20, 15), random.normal() * 12, random.normal() * 12)
    draft.set("head", turn("x", random.uniform(-45, 15)))
    return draft


def kick(random: Generator) -> Draft:
    """A leg thrown forward or to the side."""
    draft = Draft(name="kick")
    lean = random.uniform(-35, 15)
    draft.pelvis(lean, random.normal() * 15)
    high, low = sides(random)
    aside = random.uniform(0, 65) if random.random() < 0.5 else 5.0
    draft.leg(high, random.uniform(40, 110) - aside / 2, random.uniform(0, 60), aside, 10, 20)
    draft.leg(low, lean + random.uniform(-5, 8), random.uniform(0, 25), 3, 8)
    draft.spine(random.uniform(-5, 30), random.normal() * 18, random.normal() * 14)
    return draft


def balance(random: Generator) -> Draft:
    """On one leg, the other behind or lifted."""
    draft = Draft(name="balance")
    high, low = sides(random)
    if random.random() < 0.5:  # leg behind, trunk forward
        lean = random.uniform(15, 85)
        draft.pelvis(lean)
        draft.leg(high, random.uniform(-25, 5), random.uniform(0, 70), 5, 5, 30)
        draft.leg(low, lean, random.uniform(0, 20), 2, 5)
        draft.spine(random.uniform(-25, 10), random.normal() * 10, random.normal() * 8)
    else:  # knee lifted
        draft.leg(high, random.uniform(50, 115), random.uniform(60, 140), random.uniform(0, 45), 25)
        draft.leg(low, random.normal() * 4, random.uniform(0, 10), 2, 5)
        draft.spine(random.normal() * 10, random.normal() * 16, random.normal() * 14)
    return draft


def jump(random: Generator) -> Draft:
    """In the air, legs as they come."""
    draft = Draft(name="jump", rests_on="air")
    draft.pelvis(random.normal() * 18, random.normal() * 20)
    for side, _ in SIDES:
        knee = abs(random.normal()) * 55
        draft.leg(side, knee * 0.6 + random.normal() * 20, knee, abs(random.normal()) * 18, 8, 25)
    draft.spine(random.normal() * 14, random.normal() * 15, random.normal() * 10)
    return draft
