# SPDX-License-Identifier: GPL-3.0-or-later
"""Legs reach places exactly, and turns bring directions to one another."""

from __future__ import annotations

import numpy as np

from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.worker.motion.leg_ik import reach, turn_between


def test_legs_reach_exactly() -> None:
    random = np.random.default_rng(0)
    thigh_bone, shin_bone = np.array([0.02, -0.4, 0.01]), np.array([0.0, -0.42, -0.02])
    thigh = matrix_from_rotvec(random.normal(size=(200, 3)))
    shin = thigh @ matrix_from_rotvec(np.abs(random.normal(size=(200, 1))) * [1.0, 0.1, 0.0])
    hip = random.normal(size=(200, 3))
    ankle = hip + (thigh @ thigh_bone) + (shin @ shin_bone)
    same = reach(hip, thigh, shin, thigh_bone, shin_bone, ankle)
    assert np.allclose(same[0], thigh, atol=1e-6) and np.allclose(same[1], shin, atol=1e-6)
    goal = hip + 0.9 * (ankle - hip) + 0.03 * random.normal(size=(200, 3))
    reachable = np.linalg.norm(goal - hip, axis=-1) < 0.8
    thigh, shin, reached = reach(hip, thigh, shin, thigh_bone, shin_bone, goal)
    assert np.allclose(reached[reachable], goal[reachable], atol=1e-9)
    placed = hip + (thigh @ thigh_bone) + (shin @ shin_bone)
    assert np.allclose(placed, reached, atol=1e-9)


def test_turns_between_directions() -> None:
    random = np.random.default_rng(1)
    first, second = random.normal(size=(2, 50, 3))
    first[:2], second[:2] = [1.0, 0, 0], [[-1.0, 0, 0], [1.0, 0, 0]]
    turns = turn_between(first, second)
    turned = (turns @ first[..., None])[..., 0]
    assert np.allclose(np.cross(turned, second), 0, atol=1e-9)
    assert (np.sum(turned * second, axis=-1) > 0).all()
    assert np.allclose(np.linalg.det(turns), 1)
    assert np.allclose(turns[1], np.eye(3))
