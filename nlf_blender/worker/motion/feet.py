# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stay where they stand: `hold_feet`.

While heel or toes stand they are held in one place, on the floor, and a foot on heel and toes is
flat. Corrections fade out over the swing of the leg, or over a moment. A picture tells directions
well and distances badly: so feet and root rather move along the rays on which the camera sees them
than across. The root comes down where legs would have to stretch; the legs do the rest (leg_ik.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ...body.body_data import BodyData
from ...body.kinematics import local_from_global
from .foot_points import FEET, FootPoints, Leg, foot_points, joint_frames
from .foot_targets import FootPlan, plan_foot
from .leg_ik import LONGEST, reach
from .motion import Float64Array, PersonMotion
from .segments import shots_of

ROOT_SECONDS = 0.08  # the root's correction is smoothed over this time, a standard deviation
BEND_SECONDS = 0.15  # before legs would have to stretch, the root begins to come down
SHARE_ASIDE = 0.3  # of a foot's error across the camera's rays that is taken for the root's
MOST_LOWERING = 0.02  # metres; what is still out of reach then was no contact


def hold_feet(
    motion: PersonMotion,
    contacts: NDArray[np.bool_],
    body: BodyData,
    floor: float | None = 0.0,
    eyes: Float64Array | None = None,
) -> PersonMotion:
    """The motion with its feet held while they stand.

    motion: in the world, z up; contacts [T,4]: as from `find_contacts`; floor: its height, metres,
    under which no foot comes, or None if nobody knows it; eyes [T,3]: where the camera is in the
    world, None if the motion comes from none. Motions of bodies without known feet are returned as
    they are.
    """
    points = foot_points(body, motion.betas, motion.scale)
    if points is None:
        return motion
    rotations, root = motion.rotations.copy(), motion.root.copy()
    orientations, positions = joint_frames(motion, body)
    for shot in shots_of(motion):
        held = _Shot(
            motion.time[shot],
            orientations[shot],
            positions[shot],
            contacts[shot],
            None if eyes is None else eyes[shot],
            body.skeleton.root,
        )
        rotations[shot], moved = _hold(held, points, body, floor)
        root[shot] += moved
    return replace(motion, rotations=rotations, root=root)


@dataclass(frozen=True, eq=False)
class _Shot:
    """One shot: time [T], joints' orientations [T,J,3,3] and positions [T,J,3], contacts [T,4];
    eyes [T,3]; root: the joint."""

    time: Float64Array
    orientations: Float64Array
    positions: Float64Array
    contacts: NDArray[np.bool_]
    eyes: Float64Array | None
    root: int

    def rays(self, places: Float64Array) -> Float64Array:
        """Unit vectors [...,T,3] from the camera to places [...,T,3]; 0 without a camera."""
        if self.eyes is None:
            return np.zeros_like(places)
        way = places - self.eyes
        return way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)


def _hold(
    shot: _Shot, points: FootPoints, body: BodyData, floor: float | None
) -> tuple[Float64Array, Float64Array]:
    """Rotations [T,J,3,3] relative to the parent, and how far the root moves [T,3]."""
    plans = [
        plan_foot(
            shot.time,
            shot.orientations,
            shot.positions,
            shot.contacts[:, list(pair)],
            points,
            side,
            floor,
            shot.eyes,
        )
        for side, pair in enumerate(FEET)
    ]
    moved = _root_move(shot, plans)
    moved[:, 2] -= _lowering(shot, points, plans, moved)
    orientations = shot.orientations.copy()
    for leg, plan in zip(points.legs, plans, strict=True):
        turned = _turned_leg(shot, leg, plan, moved)
        for joint, value in zip((leg.hip, leg.knee, leg.ankle, leg.foot), turned, strict=True):
            orientations[:, joint] = value
    return local_from_global(orientations, body.skeleton.parents), moved


def _turned_leg(
    shot: _Shot, leg: Leg, plan: FootPlan, moved: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array]:
    """Orientations [T,3,3] of hip, knee, ankle and foot joint."""
    thigh, shin = shot.orientations[:, leg.hip], shot.orientations[:, leg.knee]
    hip, knee, ankle = (shot.positions[:, j] for j in (leg.hip, leg.knee, leg.ankle))
    thigh, shin, _ = reach(
        hip + moved,
        thigh,
        shin,
        thigh[0].T @ (knee[0] - hip[0]),
        shin[0].T @ (ankle[0] - knee[0]),
        plan.ankle,
    )
    return thigh, shin, plan.turn, plan.toe_turn


def _root_move(shot: _Shot, plans: list[FootPlan]) -> Float64Array:
    """How far the root moves [T,3]: the mean correction of the standing feet, all of what lies
    along the camera's rays, and a part of the rest."""
    sigma = ROOT_SECONDS / _step(shot.time)
    corrections = np.stack([plan.correction for plan in plans])
    rays = shot.rays(np.stack([plan.ankle for plan in plans]))
    along = np.sum(corrections * rays, axis=-1, keepdims=True)
    standing = np.stack([plan.stands for plan in plans]).astype(np.float64)
    weights = gaussian_filter1d(standing, sigma, axis=1, mode="nearest")[..., None] + 1e-6
    weights = weights / weights.sum(axis=0)
    aside = np.sum(weights * (corrections - along * rays), axis=0)
    further = np.sum(weights * along, axis=0)
    moved = further * shot.rays(shot.positions[:, shot.root]) + SHARE_ASIDE * aside
    return gaussian_filter1d(moved, sigma, axis=0, mode="nearest")


def _lowering(
    shot: _Shot, points: FootPoints, plans: list[FootPlan], moved: Float64Array
) -> Float64Array:
    """How much the root must come down [T] so that standing feet are within the legs' reach,
    metres; smooth in time, and nowhere too little."""
    needed = np.zeros(len(shot.time))
    for leg, plan in zip(points.legs, plans, strict=True):
        hip, knee, ankle = (shot.positions[:, j] for j in (leg.hip, leg.knee, leg.ankle))
        length = np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)
        longest = np.maximum(LONGEST * length, np.linalg.norm(ankle - hip, axis=-1))
        way = plan.ankle - hip - moved
        room = longest**2 - np.sum(way[:, :2] ** 2, axis=-1)
        excess = -way[:, 2] - np.sqrt(np.maximum(room, 0.0))
        needed = np.maximum(needed, np.where(plan.stands, excess, 0.0))
    reach_frames = max(1, round(BEND_SECONDS / _step(shot.time)))
    widened = maximum_filter1d(needed.clip(max=MOST_LOWERING), 2 * reach_frames + 1, mode="nearest")
    # a mean over no more than the frames to which every need was spread is never too little
    return gaussian_filter1d(widened, reach_frames / 3, mode="nearest", radius=reach_frames)


def _step(time: Float64Array) -> float:
    return float(np.median(np.diff(time))) if len(time) > 1 else 1.0
