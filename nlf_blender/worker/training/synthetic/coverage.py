# SPDX-License-Identifier: GPL-3.0-or-later
"""What drawn people do, measured from where their joints are, not from what was asked for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ....body.arrays import Float64Array
from .figures import Posed
from .skeleton import INDEX

MEASURES = (
    "lying",
    "sitting",
    "crouching",
    "kneeling",
    "bending",
    "upside down",
    "trunk twisted",
    "arm raised",
    "arm behind",
    "arm forward",
    "hand at head",
    "hand at hip",
    "hands crossed",
)
_LYING, _BENDING = 30.0, 45.0  # degrees of the trunk over the horizontal, at most
_FLEXED_HIP, _FLEXED_KNEE = 60.0, 80.0
_TWISTED = 20.0
# As shares of the stature, over the lowest point: a pelvis on the ground, a knee on the ground.
_LOW_PELVIS, _LOW_KNEE, _LOW_CHEST = 0.13, 0.06, 0.22
_NEAR_HEAD, _NEAR_HIP = 0.15, 0.13


def measured(posed: Posed, on_seat: bool = False) -> dict[str, bool]:
    """Which of MEASURES hold for a figure in a world with y up; on_seat: whether it is on one."""
    stature = posed.figure.stature
    at = {name: posed.joints[row] for name, row in INDEX.items()}
    lowest = float(posed.points()[:, 1].min())
    height = {name: (place[1] - lowest) / stature for name, place in at.items()}
    trunk = at["neck"] - at["pelvis"]
    elevation = np.degrees(np.arcsin(np.clip(trunk[1] / np.linalg.norm(trunk), -1, 1)))
    hips, knees = _bends(at, trunk)
    lying = abs(elevation) < _LYING and height["spine3"] < _LOW_CHEST
    flexed = min(hips) > _FLEXED_HIP
    sitting = not lying and elevation > 20 and max(hips) > _FLEXED_HIP - 10
    sitting &= on_seat or height["pelvis"] < _LOW_PELVIS
    kneeling = min(height["left_knee"], height["right_knee"]) < _LOW_KNEE and not lying
    kneeling &= not sitting and elevation > 20
    crouching = flexed and min(knees) > _FLEXED_KNEE and not (sitting or kneeling or lying)
    chest, pelvis = posed.world[INDEX["spine3"]], posed.world[0]
    twist = pelvis.T @ chest
    hands = [_hand(posed, at, side, chest, stature) for side in ("left", "right")]
    return {
        "lying": bool(lying),
        "sitting": bool(sitting),
        "crouching": bool(crouching),
        "kneeling": bool(kneeling),
        "bending": bool(-20 < elevation < _BENDING and not lying),
        "upside down": bool(elevation < -20),
        "trunk twisted": bool(abs(np.degrees(np.arctan2(twist[0, 2], twist[2, 2]))) > _TWISTED),
    } | {name: any(hand[name] for hand in hands) for name in hands[0]}


def _bends(
    at: dict[str, Float64Array], trunk: Float64Array
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Degrees of both hips' flexion from the trunk's line and of both knees'."""
    hips, knees = [], []
    for side in ("left", "right"):
        thigh = at[f"{side}_knee"] - at[f"{side}_hip"]
        hips.append(_angle(thigh, -trunk))
        knees.append(_angle(thigh, at[f"{side}_ankle"] - at[f"{side}_knee"]))
    return (hips[0], hips[1]), (knees[0], knees[1])


def _hand(
    posed: Posed, at: dict[str, Float64Array], side: str, chest: Float64Array, stature: float
) -> dict[str, bool]:
    """What one arm does, in the trunk's frame."""
    sign = 1.0 if side == "left" else -1.0
    wrist = at[f"{side}_wrist"]
    out, up, ahead = (wrist - at[f"{side}_shoulder"]) @ chest / stature
    beyond = sign * (chest.T @ (wrist - at["spine3"]))[0]
    head = float(np.linalg.norm(wrist - at["head"])) / stature
    hip = float(np.linalg.norm(wrist - at[f"{side}_hip"])) / stature
    bent = _angle(at[f"{side}_elbow"] - at[f"{side}_shoulder"], wrist - at[f"{side}_elbow"])
    return {
        "arm raised": bool(up > 0.08),
        "arm behind": bool(ahead < -0.1),
        "arm forward": bool(ahead > 0.2),
        "hand at head": head < _NEAR_HEAD,
        "hand at hip": hip < _NEAR_HIP and bent > 50,
        "hands crossed": bool(beyond < -0.03 and abs(up) < 0.25 and abs(out) < 0.5),
    }


def _angle(first: Float64Array, second: Float64Array) -> float:
    """Degrees between two directions."""
    cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def shares(people: Iterable[dict[str, bool]]) -> dict[str, float]:
    """The share of the people for whom each measure holds."""
    table = [[person[name] for name in MEASURES] for person in people]
    return dict(zip(MEASURES, np.mean(table, axis=0).tolist(), strict=True))
