# SPDX-License-Identifier: GPL-3.0-or-later
"""A pose in the making: legs, spine and pelvis set by the angles that people name.

Angles are degrees. The pelvis's rotation is in a world with y up, the body facing +z; a hip's
flexion is measured from the trunk, so legs that should keep their direction in the world are flexed
by as much as the pelvis leans.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array
from .skeleton import INDEX
from .turns import turn

SIDES = (("left", 1.0), ("right", -1.0))
SPINE = ("spine1", "spine2", "spine3")


@dataclass
class Draft:
    """A pose in the making. local [24,3,3]; name: of the posture; seat: what it rests on, "feet",
    "seat" (a chair's), "floor" or "air"; arms: groups of arm tasks that suit it."""

    local: Float64Array = field(default_factory=lambda: np.tile(np.eye(3), (24, 1, 1)))
    name: str = "stand"
    rests_on: str = "feet"
    arms: tuple[str, ...] = ("any",)

    def set(self, joint: str, rotation: Float64Array) -> None:
        """Set a joint's rotation [3,3] relative to its parent."""
        self.local[INDEX[joint]] = rotation

    def leg(
        self,
        side: str,
        hip: float,
        knee: float,
        spread: float = 3.0,
        out: float = 3.0,
        ankle: float = 0.0,
    ) -> None:
        """hip: flexion; spread: away from the other leg; out: the knee turned outward; ankle:
        toes pointed."""  # fmt: skip
        sign = 1.0 if side == "left" else -1.0
        thigh = turn("x", -hip) @ turn("z", sign * spread) @ turn("y", sign * out)
        self.set(f"{side}_hip", thigh)
        self.set(f"{side}_knee", turn("x", knee))
        self.set(f"{side}_ankle", turn("x", ankle))

    def spine(self, bend: float, twist: float = 0.0, aside: float = 0.0) -> None:
        """bend: forward; twist: to the left; aside: to the left; of the whole spine."""
        part = turn("y", twist / 3) @ turn("z", -aside / 3) @ turn("x", bend / 3)
        for joint in SPINE:
            self.set(joint, part)

    def pelvis(self, lean: float, twist: float = 0.0) -> None:
        """lean: forward; twist: about the body's long axis, before it leans."""
        self.set("pelvis", turn("x", lean) @ turn("y", twist))

    def legs(self, random: Generator, hip: float, knee: float, **more: float) -> None:
        """Both legs alike, give or take."""
        for side, _ in SIDES:
            own = {name: value + random.normal() * 5 for name, value in more.items()}
            self.leg(side, hip + random.normal() * 7, max(knee + random.normal() * 8, 0), **own)


def sides(random: Generator) -> tuple[str, str]:
    """Left and right in either order."""
    return ("left", "right") if random.random() < 0.5 else ("right", "left")
