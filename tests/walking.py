# SPDX-License-Identifier: GPL-3.0-or-later
"""People who walk, made by code: feet that are really planted, roll from heel to toes, and lift.

Each foot stands flat on a footprint for most of its stance; before, it turns about the heel's sole
point, afterwards about the toes', which lie flat. Legs are solved to reach the feet. The world is
Blender's: z up, the ground at z = 0, metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.conventions import BLENDER_FROM_SMPL
from nlf_blender.body.kinematics import local_from_global, rest_joints
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.worker.motion.foot_points import foot_points, joint_frames
from nlf_blender.worker.motion.leg_ik import reach
from nlf_blender.worker.motion.motion import PersonMotion

STEP_SECONDS = 0.55
CYCLE = 2 * STEP_SECONDS
STANCE = 0.62  # of a cycle, a foot is on the ground
LANDED, ROLLING = 0.15, 0.62  # of a stance: the toes come down; the heel goes up
STRIKE, PUSH = 0.3, -0.6  # how far the toes point up when the heel lands, down when it leaves
LIFT = 0.05  # of the swinging foot, metres
KNEE_BEND = 0.08  # how much lower than standing the hips are, metres
HALF_WIDTH = 0.09  # from the path to a footprint
Path = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Walk:
    """motion: with exact rotations; contacts [T,4]: where heel and toes stand still."""

    motion: PersonMotion
    contacts: np.ndarray


def straight(start: tuple[float, float], heading: float, speed: float = 0.85) -> Path:
    """A path [n,3] of x, y and heading at times [n]; heading: radians, 0 along -y, +x is pi/2."""
    return turning(start, heading, speed)


def turning(
    start: tuple[float, float],
    heading: float,
    speed: float = 0.85,
    turn: float = 0.0,
    begin: float = 0.0,
    seconds: float = 1.0,
) -> Path:
    """As `straight`, but from `begin` on it turns by `turn` radians within so many seconds."""
    grid = np.arange(-2.0, 120.0, 0.01)
    share = ((grid - begin) / seconds).clip(0.0, 1.0)
    angles = heading + turn * _smooth(share)
    moves = speed * 0.01 * np.column_stack([np.sin(angles), -np.cos(angles)])
    places = np.cumsum(moves, axis=0)
    places += np.array(start) - places[np.searchsorted(grid, 0.0)]

    def path(times: np.ndarray) -> np.ndarray:
        columns = (places[:, 0], places[:, 1], angles)
        return np.column_stack([np.interp(times, grid, column) for column in columns])

    return path


def walk(
    body: BodyData,
    path: Path,
    times: np.ndarray,
    betas: np.ndarray | None = None,
    phase: float = 0.0,
) -> Walk:
    """A person [T] walking along a path. phase: of the cycle, 0 to 1."""
    shape = np.zeros(10) if betas is None else betas
    rest = rest_joints(body.joints_template, body.joints_shapedirs, shape)
    points = foot_points(body, shape, 1.0)
    assert points is not None
    soles = rest[points.joints] + points.offsets
    motion = _standing(body, path, times, shape, phase, float(rest[0, 1] - soles[:, 1].min()))
    orientations, positions = joint_frames(motion, body)
    orientations = orientations.copy()
    contacts = np.zeros((len(times), 4), bool)
    for side, leg in enumerate(points.legs):
        heel, toes = soles[2 * side : 2 * side + 2]
        foot = Foot(path, phase + 0.5 * side, side, rest[leg.ankle], rest[leg.foot], heel, toes)
        placed = [foot.at(time) for time in times]
        ankle, turns, toe_turns, on = (np.stack([f[k] for f in placed]) for k in range(4))
        contacts[:, 2 * side : 2 * side + 2] = on
        thigh, shin, reached = reach(
            positions[:, leg.hip],
            orientations[:, leg.hip],
            orientations[:, leg.knee],
            rest[leg.knee] - rest[leg.hip],
            rest[leg.ankle] - rest[leg.knee],
            ankle,
        )
        assert np.abs(reached - ankle).max() < 1e-6, "the steps are too long for these legs"
        turned = ((leg.hip, thigh), (leg.knee, shin), (leg.ankle, turns), (leg.foot, toe_turns))
        for joint, value in turned:
            orientations[:, joint] = value
    local = local_from_global(orientations, body.skeleton.parents)
    return Walk(replace(motion, rotations=local), contacts)


@dataclass(frozen=True)
class Foot:
    """A foot on its way: places [3] in the unposed body; phase: its stance begins at 0."""

    path: Path
    phase: float
    side: int
    ankle: np.ndarray
    ball: np.ndarray
    heel: np.ndarray
    toes: np.ndarray

    def at(self, time: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Place of the ankle [3], orientations of ankle and toes [3,3], contacts [2]."""
        share = (time / CYCLE + self.phase) % 1.0
        start = time - share * CYCLE
        if share <= STANCE:
            done = share / STANCE
            on = np.array([done <= ROLLING, done >= LANDED])
            return *self._stance(start, done), on
        along = (share - STANCE) / (1 - STANCE)
        first, last = self._stance(start, 1.0)[0], self._stance(start + CYCLE, 0.0)[0]
        eased = _smooth(along)
        place = first + (last - first) * eased
        place[2] += LIFT * np.sin(np.pi * along) ** 2
        yaw = self._yaw(start) + (self._yaw(start + CYCLE) - self._yaw(start)) * eased
        turn = _upright(yaw) @ _turn("x", -(PUSH + (STRIKE - PUSH) * eased))
        return place, turn, _upright(yaw) @ _turn("x", -STRIKE * eased), np.zeros(2, bool)

    def _stance(self, start: float, done: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ankle, orientations of ankle and toes at a share of the stance that began at `start`."""
        yaw = self._yaw(start)
        upright = _upright(yaw)
        x, y, _ = self.path(np.array([start + 0.5 * STANCE * CYCLE]))[0]
        aside = upright @ np.array([HALF_WIDTH * (1 - 2 * self.side), 0.0, 0.0])
        middle = 0.75 * self.heel + 0.25 * self.toes
        under = np.array([middle[0], min(self.heel[1], self.toes[1]), middle[2]])
        origin = np.array([x, y, 0.0]) + aside - upright @ under
        if done < LANDED:
            turn = upright @ _turn("x", -STRIKE * (1 - done / LANDED))
            return origin + upright @ self.heel + turn @ (self.ankle - self.heel), turn, turn
        if done <= ROLLING:
            return origin + upright @ self.ankle, upright, upright
        turn = upright @ _turn("x", -PUSH * _smooth((done - ROLLING) / (1 - ROLLING)))
        return origin + upright @ self.ball + turn @ (self.ankle - self.ball), turn, upright

    def _yaw(self, start: float) -> float:
        return float(self.path(np.array([start + 0.5 * STANCE * CYCLE]))[0, 2])


def _standing(
    body: BodyData,
    path: Path,
    times: np.ndarray,
    shape: np.ndarray,
    phase: float,
    standing: float,
) -> PersonMotion:
    """Trunk and arms along the path; legs slightly bent, for `reach` to finish."""
    count = len(times)
    places = path(times)
    cycle = 2 * np.pi * (times / CYCLE + phase)
    local = np.tile(np.eye(3), (count, body.joint_count, 1, 1))
    local[:, 0] = _turn("z", places[:, 2]) @ BLENDER_FROM_SMPL @ _turn("y", 0.08 * np.sin(cycle))
    name = body.skeleton.index
    local[:, name("Spine1")] = _turn("x", np.full(count, 0.05))
    local[:, name("Spine3")] = _turn("y", -0.15 * np.sin(cycle))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        swing = 0.35 * sign * np.sin(cycle)
        local[:, name(f"{side}_Shoulder")] = _turn("x", swing) @ _turn(
            "z", np.full(count, -sign * 1.25)
        )
        local[:, name(f"{side}_Elbow")] = _turn("y", np.full(count, -sign * 0.35))
        local[:, name(f"{side}_Hip")] = _turn("x", np.full(count, -0.2))
        local[:, name(f"{side}_Knee")] = _turn("x", np.full(count, 0.4))
    height = standing - KNEE_BEND + 0.01 * np.cos(2 * cycle)
    sure = np.ones((count, body.joint_count))
    return PersonMotion(
        frame=np.arange(count),
        time=np.asarray(times, float),
        shot=np.zeros(count, np.int64),
        rotations=local,
        root=np.column_stack([places[:, :2], height]),
        evidence=np.ones(count, bool),
        turn_sigma=0.02 * sure,
        place_sigma=0.01 * sure[:, 0],
        betas=shape,
        scale=1.0,
    )


def _upright(yaw: float) -> np.ndarray:
    return _turn("z", yaw) @ BLENDER_FROM_SMPL


def _smooth(share: np.ndarray) -> np.ndarray:
    return share * share * (3 - 2 * share)


def _turn(axis: str, angles: ArrayLike) -> np.ndarray:
    vectors = np.zeros((*np.shape(angles), 3))
    vectors[..., "xyz".index(axis)] = angles
    return matrix_from_rotvec(vectors)
