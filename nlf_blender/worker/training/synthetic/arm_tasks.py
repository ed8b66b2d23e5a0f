# SPDX-License-Identifier: GPL-3.0-or-later
"""What arms do: hang, rise, reach, rest on hips, head, lap or ground, cross, hold.

A task says where a wrist goes in the frame of a part of the body, or in the world. Lengths are
shares of the stature, so that they suit every person; offsets are (outward, up, forward) for
either side.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array
from .draft import SIDES, sides
from .figures import Posed
from .limb_reach import Reach
from .skeleton import INDEX
from .turns import cross, unit

Goals = dict[str, Reach]  # by side
_SIGNS = dict(SIDES)


class Arms:
    """Places for the arms of one posed figure."""

    def __init__(self, posed: Posed) -> None:
        self.posed = posed
        self.stature = posed.figure.stature

    def at(
        self, joint: str, side: str, offset: tuple[float, float, float] | Float64Array
    ) -> Float64Array:
        """A place [3] near a joint, in its frame, offset in shares of the stature."""
        mirrored = np.array([_SIGNS[side], 1.0, 1.0]) * offset * self.stature
        row = INDEX[joint]
        return self.posed.joints[row] + self.posed.world[row] @ mirrored

    def along(self, joint: str, side: str, direction: tuple[float, float, float]) -> Float64Array:
        """A direction [3] of a joint's frame."""
        mirrored = np.array([_SIGNS[side], 1.0, 1.0]) * direction
        return self.posed.world[INDEX[joint]] @ unit(mirrored)

    def touch(
        self,
        joint: str,
        side: str,
        offset: tuple[float, float, float],
        elbow: tuple,
        random: Generator,
        spread: float = 0.015,
    ) -> Reach:
        """A hand laid on the body near a joint."""  # fmt: skip
        place = self.at(joint, side, np.array(offset) + random.normal(size=3) * spread)
        touched = self.posed.joints[INDEX[joint]]
        pole = self.along("spine3", side, elbow) + random.normal(size=3) * 0.25
        return Reach(place, pole, touched - place)

    def toward(self, side: str, direction: Float64Array, share: float, pole: Float64Array) -> Reach:
        """A wrist at a share of the arm's length from the shoulder."""
        rest = self.posed.figure.joints
        rows = [INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist")]
        length = np.linalg.norm(np.diff(rest[rows], axis=0), axis=1).sum()
        return Reach(self.posed.joints[rows[0]] + direction * share * length, pole)


def hang(arms: Arms, side: str, random: Generator) -> Reach:
    """Beside the body, about straight."""
    direction = arms.along(
        "spine3", side, (abs(random.normal()) * 0.25 + 0.12, -1.0, random.normal() * 0.25)
    )
    pole = arms.along("spine3", side, (0.5, 0.0, -1.0)) + random.normal(size=3) * 0.2
    return arms.toward(side, direction, 1.0 - abs(random.normal()) * 0.05, pole)


def anywhere(arms: Arms, side: str, random: Generator) -> Reach:
    """Any direction that arms reach, at any bend."""
    direction = unit(random.normal(size=3) * [1.0, 1.0, 0.8] + [0.45, 0.0, 0.45])
    pole = arms.along("spine3", side, (0.6, -0.6, -0.6)) + random.normal(size=3) * 0.5
    share = 1.0 - min(abs(random.normal()) * 0.25, 0.6)
    return arms.toward(side, arms.along("spine3", side, tuple(direction)), share, pole)


def raised(arms: Arms, side: str, random: Generator) -> Reach:
    """Up, over the head or about there."""
    direction = (random.normal() * 0.35 + 0.15, 1.0, random.normal() * 0.35)
    pole = arms.along("spine3", side, (1.0, 0.0, 0.3)) + random.normal(size=3) * 0.3
    share = 1.0 - min(abs(random.normal()) * 0.2, 0.5)
    return arms.toward(side, arms.along("spine3", side, direction), share, pole)


def forward(arms: Arms, side: str, random: Generator) -> Reach:
    """Reaching ahead."""
    direction = (random.normal() * 0.3, random.normal() * 0.35, 1.0)
    pole = arms.along("spine3", side, (0.7, -0.8, 0.0)) + random.normal(size=3) * 0.3
    share = 1.0 - min(abs(random.normal()) * 0.2, 0.5)
    return arms.toward(side, arms.along("spine3", side, direction), share, pole)


def backward(arms: Arms, side: str, random: Generator) -> Reach:
    """Reaching behind."""
    direction = (random.uniform(0.1, 0.8), random.uniform(-1.0, 0.1), -random.uniform(0.5, 1.0))
    pole = arms.along("spine3", side, (0.4, 0.2, -1.0)) + random.normal(size=3) * 0.2
    return arms.toward(side, arms.along("spine3", side, direction), random.uniform(0.8, 1), pole)


def sideways(arms: Arms, side: str, random: Generator) -> Reach:
    """Out to the side."""
    direction = (1.0, random.normal() * 0.3, random.normal() * 0.3)
    pole = arms.along("spine3", side, (0.0, -0.5, -1.0)) + random.normal(size=3) * 0.4
    return arms.toward(side, arms.along("spine3", side, direction), random.uniform(0.7, 1), pole)


def on_hip(arms: Arms, side: str, random: Generator) -> Reach:
    """A hand on the hip, the elbow out."""
    return arms.touch("pelvis", side, (0.13, 0.08, 0.02), (1.0, -0.1, -0.4), random)


def on_head(arms: Arms, side: str, random: Generator) -> Reach:
    """A hand on the head, the neck or over an ear."""
    offset = [(0.04, 0.13, 0.03), (0.06, 0.07, -0.05), (0.08, 0.06, 0.02)][random.integers(3)]
    return arms.touch("head", side, offset, (1.0, 0.5, 0.2), random)


def on_face(arms: Arms, side: str, random: Generator) -> Reach:
    """A hand at chin, mouth or eyes."""
    return arms.touch("head", side, (0.03, -0.04, 0.09), (0.6, -1.0, 0.3), random)


def phone(arms: Arms, side: str, random: Generator) -> Reach:
    """At the ear."""
    return arms.touch("head", side, (0.075, 0.0, 0.04), (0.8, -0.9, 0.2), random, 0.008)


def on_shoulder(arms: Arms, side: str, random: Generator) -> Reach:
    """Across the chest, on the other shoulder or arm."""
    up = random.uniform(-0.1, 0.12)
    return arms.touch("spine3", side, (-0.08, up, 0.11), (0.5, -0.8, 0.6), random)


def on_thigh(arms: Arms, side: str, random: Generator) -> Reach:
    """A hand on the thigh or the knee."""
    knee = arms.posed.joints[INDEX[f"{side}_knee"]]
    hip = arms.posed.joints[INDEX[f"{side}_hip"]]
    share = random.uniform(0.35, 1.0)
    front = arms.posed.world[INDEX[f"{side}_hip"]] @ np.array([0.0, 0.0, 1.0])
    place = hip + share * (knee - hip) + front * (0.085 * arms.stature)
    pole = arms.along("spine3", side, (1.0, -0.3, -0.5)) + random.normal(size=3) * 0.25
    return Reach(place, pole, -front)


def to_ground(arms: Arms, side: str, random: Generator) -> Reach:
    """On the ground, under the shoulder or about there."""
    direction = unit(np.array([0.0, -1.0, 0.0]) + random.normal(size=3) * [0.22, 0.0, 0.22])
    pole = arms.along("spine3", side, (1.0, 0.0, -0.5)) + random.normal(size=3) * 0.2
    return arms.toward(side, direction, 1.5, pole)


def propped(arms: Arms, side: str, random: Generator) -> Reach:
    """On the ground behind."""
    offset = np.array([_SIGNS[side] * random.uniform(0.05, 0.3), -1.0, -random.uniform(0.2, 0.8)])
    back = unit(arms.posed.world[0] @ np.array([0.0, 0.0, 1.0]) * [1, 0, 1])
    across = cross(np.array([0.0, 1.0, 0.0]), back)
    direction = unit(across * offset[0] + np.array([0.0, offset[1], 0.0]) + back * offset[2])
    pole = arms.along("spine3", side, (0.5, 0.0, -1.0)) + random.normal(size=3) * 0.2
    return arms.toward(side, direction, 1.5, pole)


def flat(arms: Arms, side: str, random: Generator) -> Reach:
    """In the plane of the body, as lying people's arms."""
    angle = np.radians(random.uniform(-80, 75))
    direction = (np.cos(angle), np.sin(angle), random.normal() * 0.1)
    pole = arms.along("spine3", side, (0.3, -1.0, 0.0)) + random.normal(size=3) * 0.15
    share = 1.0 - abs(random.normal()) * 0.15
    return arms.toward(side, arms.along("spine3", side, direction), max(share, 0.5), pole)


def together(arms: Arms, random: Generator) -> Goals:
    """Both hands meet: clasped, in prayer, around a phone or a cup, behind the back."""
    kind = random.random()
    if kind < 0.75:
        middle = np.array([random.normal() * 0.03, random.uniform(-0.22, 0.12),
                           random.uniform(0.12, 0.27)])  # fmt: skip
        elbow = (0.8, -1.0, -0.1)
    else:
        middle = np.array([0.0, random.uniform(-0.27, -0.12), -0.14])
        elbow = (0.8, 0.0, -0.6)
    row = INDEX["spine3"]
    goals = {}
    for side, sign in SIDES:
        offset = middle + np.array([sign * 0.032, 0.0, 0.0])
        place = arms.posed.joints[row] + arms.posed.world[row] @ (offset * arms.stature)
        inward = arms.along("spine3", side, (-1.0, 0.0, 0.0))
        goals[side] = Reach(place, arms.along("spine3", side, elbow), inward)
    return goals


def crossed(arms: Arms, random: Generator) -> Goals:
    """Arms folded over the chest, one before the other."""
    above, below = sides(random)
    goals = {}
    for side, out, up, front in ((above, -0.075, -0.005, 0.165), (below, -0.06, -0.055, 0.115)):
        place = arms.at("spine3", side, np.array([out, up - 0.02, front]))
        pole = arms.along("spine3", side, (0.8, -1.0, 0.35)) + random.normal(size=3) * 0.1
        goals[side] = Reach(place, pole, arms.along("spine3", side, (0.0, 0.3, -1.0)))
    return goals
