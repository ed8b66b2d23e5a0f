# SPDX-License-Identifier: GPL-3.0-or-later
"""Rest poses: arms at the angle that is asked for, poses that lead to the same bodies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from body_examples import OPEN_BODY, random_pose, small_body

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.forward import skinned, unposed_body
from nlf_blender.body.kinematics import (
    apply_transforms,
    blended_transforms,
    global_transforms,
    skinning_transforms,
)
from nlf_blender.body.rest_pose import offsets_to, rest_pose, rest_rotations
from nlf_blender.body.rotations import matrix_from_rotvec


@pytest.fixture(scope="module")
def body() -> BodyData:
    return load_body_npz(OPEN_BODY)


def test_the_upper_arms_of_an_a_hang_at_45_degrees(body: BodyData) -> None:
    pose = rest_pose(body, body.joints_template, "A")
    joints = apply_transforms(pose.transforms[:, :3], body.joints_template)
    for side, sign in (("L", 1), ("R", -1)):
        shoulder, elbow, hip = (
            body.skeleton.index(f"{side}_{n}") for n in ("Shoulder", "Elbow", "Hip")
        )
        arm = joints[elbow] - joints[shoulder]
        assert np.degrees(np.arctan2(-arm[1], sign * arm[0])) == pytest.approx(45.0, abs=1e-9)
        np.testing.assert_allclose(joints[hip], body.joints_template[hip])


def test_a_template_whose_arms_hang_is_not_lowered_twice(body: BodyData) -> None:
    lowered = rest_pose(body, body.joints_template, "A")
    joints = apply_transforms(lowered.transforms[:, :3], body.joints_template)
    hanging = replace(body, joints_template=joints)
    np.testing.assert_allclose(
        rest_rotations(hanging, "A"), rest_rotations(hanging, "T"), atol=1e-12
    )


def test_bodies_without_smpls_arms_rest_as_they_are() -> None:
    small = small_body()
    assert not rest_pose(small, small.joints_template, "A").moves


def test_a_pose_from_the_rest_leads_where_the_pose_from_the_template_does(body: BodyData) -> None:
    poses, _, translations = random_pose(np.random.default_rng(3), 1, body)
    rotations, parents = matrix_from_rotvec(poses[0]), body.skeleton.parents
    rest = rest_pose(body, body.joints_template, "A")
    assert rest.moves
    at_rest = apply_transforms(rest.transforms[:, :3], body.joints_template)
    expected = global_transforms(rotations, body.joints_template, parents, translations[0])
    found = global_transforms(rest.from_rest(rotations, parents), at_rest, parents, translations[0])
    np.testing.assert_allclose(found[:, :3, 3], expected[:, :3, 3], atol=1e-12)
    turns = found[:, :3, :3] @ rest.turns
    np.testing.assert_allclose(turns, expected[:, :3, :3], atol=1e-12)
    # a skin bound to the rest joints moves as one bound to the template's
    moves = skinning_transforms(found, at_rest) @ rest.transforms
    np.testing.assert_allclose(
        moves, skinning_transforms(expected, body.joints_template), atol=1e-12
    )


@pytest.mark.parametrize("degrees", [-90.0, 0.0, 60.0, 120.0])
def test_arms_from_hanging_to_far_overhead_are_reached_from_an_a(
    body: BodyData, degrees: float
) -> None:
    rest = rest_pose(body, body.joints_template, "A")
    pose = np.zeros((body.joint_count, 3))
    pose[body.skeleton.index("L_Shoulder"), 2] = np.radians(degrees)
    rotations = matrix_from_rotvec(pose)
    unposed = unposed_body(body, np.zeros(0))
    target = skinned(body, unposed, rotations, np.zeros(3)).vertices
    posed = global_transforms(rotations, unposed.joints, body.skeleton.parents, np.zeros(3))
    moves = skinning_transforms(posed, unposed.joints) @ np.linalg.inv(rest.transforms)
    blends = blended_transforms(body.weights, moves)
    start = rest.carried_points(unposed.vertices)
    found = apply_transforms(blends, start + offsets_to(blends, start, target))
    np.testing.assert_allclose(found, target, atol=1e-9)


def test_offsets_lead_to_the_target_through_the_transforms() -> None:
    rng = np.random.default_rng(1)
    moves = np.eye(3, 4) + 0.2 * rng.normal(size=(50, 3, 4))
    start, target = rng.normal(size=(2, 50, 3))
    offsets = offsets_to(moves, start, target)
    np.testing.assert_allclose(apply_transforms(moves, start + offsets), target, atol=1e-9)


def test_a_flat_transform_asks_for_nothing_that_it_cannot_do() -> None:
    moves = np.zeros((1, 3, 4))
    moves[0, :, :3] = np.diag((1.0, 1e-6, 0.5))
    offsets = offsets_to(moves, np.array([[3.0, 3.0, 3.0]]), np.array([[1.0, 1.0, 1.0]]))
    np.testing.assert_allclose(offsets, [[-2.0, 0.0, -1.0]], atol=1e-5)
