# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a foot shall be and how it shall be turned, so that it stays while it stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...body.rotations import matrix_from_rotvec, rotvec_from_matrix
from .foot_points import FEET, FootPoints
from .leg_ik import turn_between
from .motion import Float64Array
from .segments import runs_of

FADE_SECONDS = 0.3  # a correction fades out within this time, or into the next one
ON_FLOOR = 0.12  # metres; a foot that stands this near to the floor stands on it
# Errors of a place: across the camera's rays, metres; along them, a share of the distance.
ACROSS, ALONG = 0.02, 0.05
ROUNDS = 4
SOLE_UP = np.array([0.0, 1.0, 0.0])  # of a foot at rest, SMPL's axes: the unposed body stands flat


@dataclass(frozen=True, eq=False)
class FootPlan:
    """ankle [T,3]: where it shall be; turn, toe_turn [T,3,3]: orientations of ankle and foot joint;
    correction [T,3]: how far the ankle goes; stands [T]: whether heel or toes stand."""

    ankle: Float64Array
    turn: Float64Array
    toe_turn: Float64Array
    correction: Float64Array
    stands: NDArray[np.bool_]


@dataclass(eq=False)
class _Foot:
    """A foot through one shot, corrected step by step. ankle [T,3]; turn [T,3,3]: of the ankle;
    bend [T,3,3]: of the toes relative to it; heel, toes [3]: offsets from ankle and foot joint;
    bone [3]: from the one to the other."""

    time: Float64Array
    ankle: Float64Array
    turn: Float64Array
    bend: Float64Array
    heel: Float64Array
    toes: Float64Array
    bone: Float64Array

    def toes_from_ankle(self, bend: Float64Array) -> Float64Array:
        """The toes' sole point [...,3] in the ankle's axes, of toes bent so [...,3,3]."""
        return self.bone + bend @ self.toes

    def arms(self) -> tuple[Float64Array, Float64Array]:
        """From the ankle to heel and toes [T,3], in the world's axes."""
        toes = (self.turn @ self.toes_from_ankle(self.bend)[..., None])[..., 0]
        return self.turn @ self.heel, toes


def plan_foot(
    time: Float64Array,
    orientations: Float64Array,
    positions: Float64Array,
    contacts: NDArray[np.bool_],
    points: FootPoints,
    side: int,
    floor: float | None,
    eyes: Float64Array | None,
) -> FootPlan:
    """What the foot of one side shall do in one shot.

    time [T]; orientations [T,J,3,3] and positions [T,J,3] of the joints, world; contacts [T,2]: of
    heel and toes; floor: its height or None; eyes [T,3]: where the camera is, or None.
    """
    leg, (heel, toes) = points.legs[side], FEET[side]
    turn, ankle = orientations[:, leg.ankle], positions[:, leg.ankle]
    foot = _Foot(
        time,
        ankle,
        turn,
        np.swapaxes(turn, -1, -2) @ orientations[:, leg.foot],
        points.offsets[heel],
        points.offsets[toes],
        turn[0].T @ (positions[0, leg.foot] - ankle[0]),
    )
    held = _held_places(foot, contacts, floor, eyes)
    if floor is not None:
        _tip_up(foot, contacts, held, floor)
    arms = foot.arms()
    wanted = np.where(contacts[:, :1], held[0] - arms[0], held[1] - arms[1])
    stands = contacts.any(axis=1)
    correction = _faded(np.where(stands[:, None], wanted - ankle, 0.0), stands, time)
    placed = ankle + correction
    if floor is not None:
        lowest = np.minimum(arms[0][:, 2], arms[1][:, 2]) + placed[:, 2]
        placed[:, 2] += np.where(stands, 0.0, np.maximum(floor - lowest, 0.0))
    return FootPlan(placed, foot.turn, foot.turn @ foot.bend, correction, stands)


def _held_places(
    foot: _Foot,
    contacts: NDArray[np.bool_],
    floor: float | None,
    eyes: Float64Array | None,
) -> tuple[Float64Array, Float64Array]:
    """Where heel and toes are held [T,3], of use where they stand; turns feet flat that stand on
    both, and lets that fade in and out."""
    places = [foot.ankle + arm for arm in foot.arms()]
    held = (np.zeros_like(foot.ankle), np.zeros_like(foot.ankle))
    turns, bends = np.zeros_like(foot.ankle), np.zeros_like(foot.ankle)
    flat = contacts.all(axis=1)
    for first, last in runs_of(contacts.any(axis=1)):
        rows = np.arange(first, last + 1)
        both = rows[flat[rows]]
        if not len(both):
            for point in range(2):
                standing = rows[contacts[rows, point]]
                if len(standing):
                    held[point][rows] = _place(places[point], standing, floor, eyes)
            continue
        bend = _mean_rotation(foot.bend[both])
        sole = foot.toes_from_ankle(bend) - foot.heel  # from heel to toes, in the ankle's axes
        middle = _place((places[0] + places[1]) / 2, both, floor, eyes)
        way = np.sum(places[1][both] - places[0][both], axis=0) * [1.0, 1.0, 0.0]
        way = way / np.maximum(np.linalg.norm(way), 1e-9)
        half = way * np.linalg.norm(sole) / 2
        held[0][rows], held[1][rows] = middle - half, middle + half
        flat_turn = _flat(sole, way)
        turns[both] = rotvec_from_matrix(flat_turn @ np.swapaxes(foot.turn[both], -1, -2))
        bends[both] = rotvec_from_matrix(bend @ np.swapaxes(foot.bend[both], -1, -2))
    foot.turn = matrix_from_rotvec(_faded(turns, flat, foot.time)) @ foot.turn
    foot.bend = matrix_from_rotvec(_faded(bends, flat, foot.time)) @ foot.bend
    return held


def _place(
    places: Float64Array,
    rows: NDArray[np.int64],
    floor: float | None,
    eyes: Float64Array | None,
) -> Float64Array:
    """The one place [3] of a point that stands in some rows of places [T,3]: on the floor, if it is
    near to it; a robust mean in which errors along the camera's rays count little."""
    points = places[rows]
    place = np.median(points, axis=0)
    flat = floor is not None and abs(place[2] - floor) <= ON_FLOOR
    if flat:
        place = np.array([place[0], place[1], floor])
    free = 2 if flat else 3
    precision = np.tile(np.eye(3), (len(rows), 1, 1)) / ACROSS**2
    if eyes is not None:
        ways = points - eyes[rows]
        distance = np.linalg.norm(ways, axis=-1)[:, None, None]
        rays = ways[:, :, None] * ways[:, None] / np.maximum(distance, 1e-9) ** 2
        precision = precision + rays * (1 / (ACROSS**2 + (ALONG * distance) ** 2) - 1 / ACROSS**2)
    for _ in range(ROUNDS):
        away = points - place
        squared = np.einsum("ti,tij,tj->t", away, precision, away)
        weighted = precision / (1.0 + squared / 4.0)[:, None, None]  # Cauchy's loss, 2 sigmas
        pull = np.einsum("tij,tj->i", weighted, away)[:free]
        place[:free] += np.linalg.solve(weighted.sum(axis=0)[:free, :free], pull)
    return place


def _flat(sole: Float64Array, way: Float64Array) -> Float64Array:
    """The ankle's orientation [3,3] that lays heel to toes [3], in its axes, along a horizontal
    direction [3], the sole down."""
    own = _frame(sole, SOLE_UP)
    return _frame(way, np.array([0.0, 0.0, 1.0])) @ own.T


def _frame(ahead: Float64Array, up: Float64Array) -> Float64Array:
    """The axes [3,3], as columns: ahead, up as nearly as can be, and to the side."""
    first = ahead / max(float(np.linalg.norm(ahead)), 1e-9)
    second = up - (up @ first) * first
    second = second / max(float(np.linalg.norm(second)), 1e-9)
    return np.column_stack([first, second, np.cross(first, second)])


def _mean_rotation(rotations: Float64Array) -> Float64Array:
    """The rotation [3,3] nearest to the mean of rotations [n,3,3]."""
    left, _, right = np.linalg.svd(rotations.mean(axis=0))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return (left * signs) @ right


def _tip_up(
    foot: _Foot,
    contacts: NDArray[np.bool_],
    held: tuple[Float64Array, Float64Array],
    floor: float,
) -> None:
    """Turn feet that stand on heel or toes alone so that the other end is not under the floor."""
    arms = foot.arms()
    for point, other in ((0, 1), (1, 0)):
        alone = contacts[:, point] & ~contacts[:, other]
        way = arms[other] - arms[point]
        least = floor - held[point][:, 2]  # how high the other end must at least be, from here
        low = alone & (way[:, 2] < least)
        if not low.any():
            continue
        length = np.linalg.norm(way[low], axis=-1)
        rise = np.clip(least[low], -length, length)
        level = way[low] * [1.0, 1.0, 0.0]
        level *= (np.sqrt(length**2 - rise**2) / np.linalg.norm(level, axis=-1))[:, None]
        level[:, 2] = rise
        foot.turn[low] = turn_between(way[low], level) @ foot.turn[low]


def _faded(values: Float64Array, known: NDArray[np.bool_], time: Float64Array) -> Float64Array:
    """Values [T,3] where they are known; elsewhere they fade to 0, or smoothly into the next."""
    result = values.copy()
    for first, last in runs_of(~known):
        rows = np.arange(first, last + 1)
        before = values[first - 1] if first else np.zeros(3)
        after = values[last + 1] if last + 1 < len(values) else np.zeros(3)
        since = time[rows] - time[max(first - 1, 0)]
        until = time[min(last + 1, len(time) - 1)] - time[rows]
        if first > 0 and last + 1 < len(values) and since[-1] < 2 * FADE_SECONDS:
            share = _eased(since / (since + until))
            result[rows] = (1 - share)[:, None] * before + share[:, None] * after
        else:
            leaving = 1 - _eased(since / FADE_SECONDS)
            coming = 1 - _eased(until / FADE_SECONDS)
            result[rows] = leaving[:, None] * before + coming[:, None] * after
    return result


def _eased(share: Float64Array) -> Float64Array:
    limited = share.clip(0.0, 1.0)
    return limited * limited * (3 - 2 * limited)
