# SPDX-License-Identifier: GPL-3.0-or-later
"""Random poses of a person: recorded ones, recorded ones with other limbs, and drawn ones.

Every pose is within the joints' limits, and one whose parts run into each other, or which would
push arms through the ground, is drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array
from .arm_tasks import Arms
from .arms import draw_arms, draw_collars, draw_hands
from .draft import SIDES, Draft
from .figures import Figure, Posed, pose_figure
from .joint_limits import within_limits
from .limb_reach import Reach, outside, reach
from .pose_library import PoseLibrary
from .postures import choose_posture, draw_head
from .skeleton import INDEX, mirror_pose
from .turns import jitter, turn, turn_between

ARM = ("collar", "shoulder", "elbow", "wrist", "hand")
LEG = ("hip", "knee", "ankle", "foot")
# Shares of the poses: as recorded; with another recording's limbs; with drawn arms. The rest is
# drawn altogether.
RECORDED, MIXED, WITH_ARMS = 0.22, 0.1, 0.12
DEEPEST = 0.018  # parts may be in each other by this share of the stature: flesh gives way
BELOW_FLOOR = 0.03  # arms may be below what the person rests on by this share of the stature
POSTURE_TRIES, ARM_TRIES = 8, 4
JITTER = 2.0  # degrees
WRIST = 0.02  # its radius, as a share of the stature
CLEARANCE = 0.015  # metres between a hand and the skin that it touches
# Pairs of parts that both touch the ground: the body is tipped until they do, before or after the
# arms are drawn.
_HIPS, _CHEST = ("pelvis", "left_hip", "right_hip"), ("spine3", "left_collar", "right_collar")
_SHINS = tuple(f"{side}_{name}" for side, _ in SIDES for name in ("knee", "ankle", "foot"))
_HANDS = tuple(f"{side}_{name}" for side, _ in SIDES for name in ("wrist", "hand"))
SETTLED = {
    "sit_floor": (_HIPS, _SHINS),
    "lie_back": (_HIPS, _CHEST),
    "lie_belly": (_HIPS, _CHEST),
    "lie_side": (_HIPS, _CHEST),
}
SETTLED_ON_HANDS = {"all_fours": (_SHINS, _HANDS)}
MOST_TIPPED = 35.0  # degrees
SUPPORT_REACH = 0.05  # as a share of the stature, from the floor to what should lie on it
_ARM_ROWS = [INDEX[f"{side}_{name}"] for side, _ in SIDES for name in ARM[1:]]


@dataclass(frozen=True, eq=False)
class Pose:
    """local [24,3,3]: rotations relative to the parent, the pelvis's in a world with y up. name: of
    the posture, "recorded" or "mixed". rests_on: "feet", "seat", "floor" or "air"."""

    local: Float64Array
    name: str
    rests_on: str


class PoseSampler:
    """Draws poses; library: recorded poses of the split, None for drawn ones alone."""

    def __init__(self, library: PoseLibrary | None) -> None:
        self.library = library

    def draw(self, random: Generator, figure: Figure) -> Pose:
        """A pose that the figure can take. If none of many is possible, arms out and standing."""
        for _ in range(POSTURE_TRIES):
            pose = self._try(random, figure)
            if pose is not None:
                mirror = random.random() < 0.5
                local = mirror_pose(pose.local) if mirror else pose.local
                return Pose(local, pose.name, pose.rests_on)
        return arms_out()

    def _try(self, random: Generator, figure: Figure) -> Pose | None:
        kind = random.random() if self.library is not None else 1.0
        if kind < RECORDED:
            draft = self._recorded(random)
        elif kind < RECORDED + MIXED:
            draft = self._mixed(random)
        elif kind < RECORDED + MIXED + WITH_ARMS:
            return _with_arms(random, figure, self._recorded(random))
        else:
            return _drawn(random, figure)
        draft.local[1:] = draft.local[1:] @ jitter(random, JITTER, 23)
        return _finished(draft, figure, None)

    def _recorded(self, random: Generator) -> Draft:
        assert self.library is not None
        return Draft(self.library.draw(random), "recorded")

    def _mixed(self, random: Generator) -> Draft:
        draft, other = self._recorded(random), self._recorded(random).local
        draft.name = "mixed"
        for side, _ in SIDES:
            for limb, chance in ((ARM, 0.7), (LEG, 0.4)):
                if random.random() < chance:
                    rows = [INDEX[f"{side}_{joint}"] for joint in limb]
                    draft.local[rows] = other[rows]
        return draft


def arms_out() -> Pose:
    """Standing with the arms spread downward, which every shape can."""
    draft = Draft()
    for side, sign in SIDES:
        draft.set(f"{side}_shoulder", turn("z", -40 * sign))
    return Pose(draft.local, "stand", "feet")


def _drawn(random: Generator, figure: Figure) -> Pose | None:
    """A drawn posture; its kind stays where it takes several tries, or hard ones would be rare."""
    draw = choose_posture(random)
    for _ in range(POSTURE_TRIES):
        draft = draw(random)
        draw_head(random, draft)
        pose = _with_arms(random, figure, draft)
        if pose is not None:
            return pose
    return None


def _with_arms(random: Generator, figure: Figure, draft: Draft) -> Pose | None:
    """The draft with arms drawn for it, tried until they are possible."""
    draw_collars(draft, random)
    draft.local[1:] = draft.local[1:] @ jitter(random, JITTER, 23)
    draft.local = within_limits(draft.local)
    posed = settle(draft, pose_figure(figure, draft.local), SETTLED)
    free = draft.rests_on == "air" or draft.name in SETTLED_ON_HANDS
    floor = None if free else _floor(posed)
    for _ in range(ARM_TRIES):
        tried = Draft(draft.local.copy(), draft.name, draft.rests_on, draft.arms)
        goals = draw_arms(Arms(posed), tried, random)
        for side, goal in goals.items():
            reach(tried.local, posed, side, _possible(goal, floor, posed))
        draw_hands(tried, random)
        settle(tried, pose_figure(figure, tried.local), SETTLED_ON_HANDS)
        pose = _finished(tried, figure, floor)
        if pose is not None:
            return pose
    return None


def _lowest(posed: Posed, points: Float64Array, parts: tuple[str, ...]) -> Float64Array:
    """The lowest [3] of the points [S,3] on some parts."""
    own = points[np.isin(posed.figure.part, [INDEX[part] for part in parts])]
    return own[own[:, 1].argmin()]


def settle(draft: Draft, posed: Posed, table: dict[str, tuple]) -> Posed:
    """Tip the whole body until the parts that the table names for its posture are level."""
    if draft.name not in table:
        return posed
    for _ in range(2):  # another point may then be the lowest
        points = posed.points()
        first, second = (_lowest(posed, points, parts) for parts in table[draft.name])
        span = second - first
        tip = turn_between(span, span * [1.0, 0.0, 1.0])
        if np.trace(tip) < 1 + 2 * np.cos(np.radians(MOST_TIPPED)):
            break
        draft.local[0] = tip @ draft.local[0]
        posed = pose_figure(posed.figure, draft.local)
    return posed


def _floor(posed: Posed) -> float:
    """The lowest height of trunk, head and legs, whatever the arms do."""
    own = ~np.isin(posed.figure.part, _ARM_ROWS)
    return float(posed.points()[own, 1].min())


def _possible(goal: Reach, floor: float | None, posed: Posed) -> Reach:
    """The goal out of the body, and on the floor where it was below."""
    radius = WRIST * posed.figure.stature
    wrist = outside(posed, goal.wrist, radius + CLEARANCE)
    if floor is not None:
        wrist[1] = max(wrist[1], floor + radius)
    return Reach(wrist, goal.elbow, goal.palm)


def _finished(draft: Draft, figure: Figure, floor: float | None) -> Pose | None:
    """The pose within its limits; None if it is not possible."""
    local = within_limits(draft.local)
    posed = pose_figure(figure, local)
    if posed.overlap() > DEEPEST * figure.stature:
        return None
    if floor is not None:
        points = posed.points()
        if points[:, 1].min() < floor - BELOW_FLOOR * figure.stature:
            return None
        for parts in SETTLED.get(draft.name, ()):
            if _lowest(posed, points, parts)[1] > floor + SUPPORT_REACH * figure.stature:
                return None
    return Pose(local, draft.name, draft.rests_on)
