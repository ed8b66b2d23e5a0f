# SPDX-License-Identifier: GPL-3.0-or-later
"""Postures near the ground at random: crouching, kneeling, sitting, lying, on all fours.

Each function draws one; angles are degrees.
"""

from __future__ import annotations

from numpy.random import Generator

from .draft import SIDES, Draft, sides
from .turns import turn


def crouch(random: Generator) -> Draft:
    """Squatting, half or deep, on the soles or the toes."""
    draft = Draft(name="crouch", arms=("any", "down", "lap"))
    lean = random.uniform(0, 45)
    draft.pelvis(lean)
    depth = random.uniform(0.35, 1.0)
    spread, ankle = random.uniform(0, 35), random.choice([-25.0, 25.0], p=[0.7, 0.3])
    draft.legs(random, 125 * depth + 0.3 * lean, 145 * depth, spread=spread, out=spread / 2,
          ankle=ankle)  # fmt: skip
    draft.spine(random.uniform(-10, 50), random.normal() * 14, random.normal() * 8)
    return draft


def kneel(random: Generator) -> Draft:
    """On one knee, on both, or sitting on the heels."""
    draft = Draft(name="kneel", rests_on="floor", arms=("any", "lap", "down"))
    lean, kind = random.uniform(-8, 30), random.random()
    draft.pelvis(lean)
    first, second = sides(random)
    if kind < 0.4:  # on one knee
        thigh = random.uniform(93, 115)
        draft.leg(first, lean + thigh, thigh + random.uniform(-12, 18), 8, 8)
        back = random.uniform(-12, 10)
        draft.leg(second, lean + back, back + random.uniform(85, 105), 4, 0, 35)
    elif kind < 0.7:  # upright, shins on the ground
        back = random.uniform(-12, 18)
        draft.legs(random, lean + back, back + 95, spread=8.0, ankle=40.0)
    else:  # sitting on the heels
        draft.legs(random, lean + random.uniform(60, 70), 153, spread=8.0, ankle=48.0)
    draft.spine(random.uniform(-10, 45), random.normal() * 14, random.normal() * 8)
    return draft


def sit_chair(random: Generator) -> Draft:
    """Sitting on a seat, legs side by side, crossed, or each its own way."""
    draft = Draft(name="sit_chair", rests_on="seat", arms=("any", "lap", "lap"))
    lean, kind = random.uniform(-30, 28), random.random()
    draft.pelvis(lean, random.normal() * 4)
    hip, knee = 90 + lean + random.normal() * 7, random.uniform(40, 115)
    draft.spine(random.uniform(-20, 50), random.normal() * 14, random.normal() * 9)
    if kind < 0.6:
        draft.legs(random, hip, knee, spread=abs(random.normal()) * 14, out=5.0)
        return draft
    first, second = sides(random)
    draft.leg(second, hip, random.uniform(65, 100), 2, 2)
    if kind < 0.72:  # knee over knee
        draft.leg(first, hip + random.uniform(20, 30), random.uniform(60, 100), -20, -4, 12)
    elif kind < 0.84:  # ankle on knee
        draft.leg(first, hip + random.uniform(18, 28), random.uniform(88, 105), 34, 74)
    else:  # each its own way
        draft.leg(first, hip, random.uniform(5, 125), random.uniform(0, 30), 5)
    return draft


def sit_floor(random: Generator) -> Draft:
    """Sitting on the ground, legs long, drawn up, crossed, or to one side."""
    draft = Draft(name="sit_floor", rests_on="floor", arms=("any", "lap", "prop"))
    lean, kind = random.uniform(-30, 15), random.random()
    draft.pelvis(lean)
    flat = 88 + lean
    first, second = sides(random)
    if kind < 0.25:  # legs long
        draft.legs(random, flat, random.uniform(0, 25), spread=random.uniform(0, 45), ankle=15.0)
    elif kind < 0.5:  # knees up
        draft.legs(random, flat + random.uniform(15, 50), random.uniform(70, 135),
              spread=random.uniform(0, 20))  # fmt: skip
    elif kind < 0.78:  # cross-legged
        draft.leg(first, flat + 6, random.uniform(85, 106), random.uniform(32, 44), 66, 15)
        draft.leg(second, flat + 12, random.uniform(124, 140), random.uniform(38, 48), 66, 15)
    elif kind < 0.9:  # both knees to one side
        draft.leg(first, flat + 5, random.uniform(90, 130), 45, 66, 20)
        draft.leg(second, flat + 5, random.uniform(90, 130), 5, -42, 20)
    else:  # one long, one bent
        draft.leg(first, flat, random.uniform(0, 10), 15, 5)
        draft.leg(second, flat + random.uniform(10, 45), random.uniform(80, 130), 8, 10)
    draft.spine(random.uniform(-10, 45), random.normal() * 16, random.normal() * 9)
    return draft


def lie_back(random: Generator) -> Draft:
    """Lying on the back, legs long, drawn up or lifted."""
    draft = Draft(name="lie_back", rests_on="floor", arms=("any", "flat", "flat"))
    draft.pelvis(-90 + random.normal() * 5, random.normal() * 7)
    for side, _ in SIDES:
        if random.random() < 0.55:
            draft.leg(side, abs(random.normal()) * 6, random.uniform(0, 15),
                      random.uniform(0, 25), random.uniform(0, 40), 25)  # fmt: skip
        elif random.random() < 0.7:
            knee = random.uniform(50, 120)
            draft.leg(side, knee / 2, knee, random.uniform(0, 25), random.uniform(0, 25))
        else:
            draft.leg(side, random.uniform(40, 110), random.uniform(0, 110), 8, 5)
    draft.spine(random.uniform(-12, 15), random.normal() * 10, random.normal() * 7)
    return draft


def lie_belly(random: Generator) -> Draft:
    """Lying on the belly, the head turned, shins up or down."""
    draft = Draft(name="lie_belly", rests_on="floor", arms=("flat", "overhead", "ground"))
    draft.pelvis(90 + random.normal() * 4, random.normal() * 6)
    for side, _ in SIDES:
        knee = random.uniform(0, 12) if random.random() < 0.7 else random.uniform(20, 110)
        draft.leg(side, random.uniform(-8, 4), knee, random.uniform(0, 25), 5, 40)
    if random.random() < 0.2:  # one knee drawn up beside the body
        side, _ = sides(random)
        draft.leg(side, random.uniform(30, 60), random.uniform(50, 100), 60, 45, 20)
    draft.spine(-random.uniform(0, 45) if random.random() < 0.4 else random.normal() * 5,
                random.normal() * 8, random.normal() * 7)  # fmt: skip
    draft.set("head", turn("y", random.choice([-1, 1]) * random.uniform(0, 50)))
    draft.set("neck", turn("y", random.normal() * 8))
    return draft


def lie_side(random: Generator) -> Draft:
    """Lying on a side, straight to curled up."""
    draft = Draft(name="lie_side", rests_on="floor", arms=("any", "overhead"))
    draft.set(
        "pelvis", turn("x", -90) @ turn("y", random.choice([-1, 1]) * random.uniform(65, 110))
    )
    curl = random.uniform(0, 1)
    for side, _ in SIDES:
        draft.leg(side, 95 * curl + random.normal() * 14, max(110 * curl + random.normal() * 15, 0),
                  random.uniform(-3, 12), 3, 20)  # fmt: skip
    draft.spine(45 * curl + random.normal() * 8, random.normal() * 12, random.normal() * 8)
    return draft


def all_fours(random: Generator) -> Draft:
    """On hands and knees, in a press-up, or with the hips high."""
    draft = Draft(name="all_fours", rests_on="floor", arms=("ground",))
    kind, lean = random.random(), random.uniform(65, 95)
    if kind < 0.6:
        draft.pelvis(lean)
        draft.legs(random, lean + random.uniform(-15, 20), random.uniform(75, 105), ankle=30.0)
        draft.spine(random.uniform(-15, 30), random.normal() * 8, random.normal() * 6)
    elif kind < 0.85:  # press-up
        draft.pelvis(random.uniform(68, 86))
        draft.legs(random, random.uniform(-8, 12), 4, spread=6.0, ankle=-15.0)
        draft.spine(random.normal() * 6)
    else:  # hips high
        lean = random.uniform(95, 125)
        draft.pelvis(lean)
        draft.legs(random, lean - random.uniform(15, 35), 6, spread=8.0, ankle=-15.0)
        draft.spine(random.uniform(-10, 20))
    draft.set("head", turn("x", random.uniform(-45, 20)))
    return draft
