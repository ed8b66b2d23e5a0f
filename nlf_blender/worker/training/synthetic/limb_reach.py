# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms that reach for a place: the two-bone problem, solved for shoulder, elbow and wrist.

The elbow lies on a circle about the line from shoulder to wrist; a direction in which it should
point chooses where. The forearm rolls so that the palm faces as wanted, as far as forearms do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....body.arrays import Float64Array
from .figures import CAPSULES, Posed
from .skeleton import INDEX
from .turns import cross, frame, turn, unit

# What wrists are kept out of: all but the arms.
_SOLID = [row for row, name in enumerate(CAPSULES) if not name.endswith(("arm", "hand"))]
CLEARANCE = 0.02  # metres between a wrist and the skin of what it touches, beside its own radius
MOST_ROLL = 80.0  # degrees
FULL_STRETCH = 0.995


@dataclass(frozen=True, eq=False)
class Reach:
    """Where an arm goes. wrist [3]: of the posed figure's space; elbow [3]: where it points,
    roughly; palm [3]: where the palm faces, None for as it comes."""

    wrist: Float64Array
    elbow: Float64Array
    palm: Float64Array | None = None


def reach(local: Float64Array, posed: Posed, side: str, goal: Reach) -> None:
    """Set the rotations of a shoulder, elbow and wrist in `local` [24,3,3] such that the wrist
    comes as near to the goal as the arm is long. posed: the figure in `local`."""
    shoulder, elbow, wrist = (INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
    rest = posed.figure.joints
    upper, lower = rest[elbow] - rest[shoulder], rest[wrist] - rest[elbow]
    lengths = float(np.linalg.norm(upper)), float(np.linalg.norm(lower))
    bend, fore = _triangle(goal.wrist - posed.joints[shoulder], goal.elbow, *lengths)
    sign = 1.0 if side == "left" else -1.0
    hinge = np.array([0.0, -sign, 0.0])
    across = cross(bend, fore)
    if np.linalg.norm(across) < 1e-6:
        across = cross(bend, goal.elbow)
    turned = frame(bend, across) @ frame(upper, hinge).T
    forearm = frame(fore, across) @ frame(lower, hinge).T
    parent = posed.world[INDEX[f"{side}_collar"]]
    roll = 0.0 if goal.palm is None else _roll(forearm, goal.palm)
    local[shoulder] = parent.T @ turned
    local[elbow] = turned.T @ forearm @ turn("x", roll / 2)
    local[wrist] = turn("x", roll / 2)


def _triangle(
    gap: Float64Array, pole: Float64Array, upper: float, lower: float
) -> tuple[Float64Array, Float64Array]:
    """Directions [3] of the upper arm and the forearm that span `gap` (law of cosines)."""
    distance = np.clip(
        np.linalg.norm(gap), abs(upper - lower) * 1.05, (upper + lower) * FULL_STRETCH
    )
    along = unit(gap)
    aside = unit(pole - (pole @ along) * along)
    cosine = (upper**2 + distance**2 - lower**2) / (2 * upper * distance)
    elbow = upper * (cosine * along + np.sqrt(max(1 - cosine**2, 0.0)) * aside)
    return unit(elbow), unit(distance * along - elbow)


def _roll(forearm: Float64Array, palm: Float64Array) -> float:
    """Degrees about the forearm that turn the palm, down in the T-pose, to face `palm`."""
    wanted = forearm.T @ palm
    degrees = np.degrees(np.arctan2(-wanted[2], -wanted[1]))
    return float(np.clip(degrees, -MOST_ROLL, MOST_ROLL))


def outside(posed: Posed, place: Float64Array, margin: float) -> Float64Array:
    """The place [3], moved out of trunk, head and legs until it is `margin` from their skin."""
    ends, radii = posed.capsule_ends()[_SOLID], posed.figure.radii[_SOLID] + margin
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    length = np.maximum((along * along).sum(axis=1), 1e-9)
    for _ in range(2):  # out of one part it may come into another
        share = (((place - start) * along).sum(axis=1) / length).clip(0, 1)
        away = place - start - share[:, None] * along
        distance = np.sqrt((away * away).sum(axis=1))
        deepest = int(np.argmax(radii - distance))
        if distance[deepest] >= radii[deepest]:
            break
        place = place + unit(away[deepest]) * (radii[deepest] - distance[deepest])
    return place
