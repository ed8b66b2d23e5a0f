# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeleton and kinematics."""

from __future__ import annotations

import numpy as np
import pytest
from body_examples import SMALL_NAMES, SMALL_PARENTS, random_pose, small_body

from nlf_blender.body import kinematics
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.body.skeleton import SMPL_JOINT_NAMES, SMPL_SKELETON, Skeleton, mirrored_name


def test_smpl_tree() -> None:
    assert SMPL_SKELETON.joint_count == 24
    spine3 = SMPL_SKELETON.index("Spine3")
    children = {SMPL_JOINT_NAMES[child] for child in SMPL_SKELETON.children(spine3)}
    assert children == {"Neck", "L_Collar", "R_Collar"}
    chain, joint = [], SMPL_SKELETON.index("R_Hand")
    while joint >= 0:
        chain.append(SMPL_JOINT_NAMES[joint])
        joint = SMPL_SKELETON.parents[joint]
    arm = ["R_Hand", "R_Wrist", "R_Elbow", "R_Shoulder", "R_Collar"]
    assert chain == [*arm, "Spine3", "Spine2", "Spine1", "Pelvis"]


def test_mirrored_joints_exchange_sides() -> None:
    mirrored = SMPL_SKELETON.mirrored()
    for joint, other in enumerate(mirrored):
        assert mirrored[other] == joint
        assert (joint == other) == (SMPL_JOINT_NAMES[joint][:2] not in ("L_", "R_"))
    assert Skeleton(SMALL_NAMES, SMALL_PARENTS).mirrored() == (2, 1, 0, 3, 4)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("L_Hip", "R_Hip"),
        ("right_knee", "left_knee"),
        ("hand.L", "hand.R"),
        ("upperarm_r", "upperarm_l"),
        ("Root", "Root"),
    ],
)
def test_mirrored_names(name: str, other: str) -> None:
    assert mirrored_name(name) == other


@pytest.mark.parametrize(
    ("names", "parents"),
    [
        (("A", "B"), (-1,)),
        (("A", "A"), (-1, 0)),
        (("A", "B"), (-1, -1)),
        (("A", "B", "C"), (-1, 2, 1)),
        (("A", "B"), (-1, 7)),
    ],
)
def test_what_is_no_tree_is_refused(names: tuple[str, ...], parents: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        Skeleton(names, parents)


def test_depth_order_has_parents_first() -> None:
    order = Skeleton(SMALL_NAMES, SMALL_PARENTS).depth_order()
    assert sorted(order) == list(range(5))
    for joint, parent in enumerate(SMALL_PARENTS):
        assert parent < 0 or order.index(parent) < order.index(joint)


def test_transforms_equal_a_walk_from_each_joint_to_the_root() -> None:
    body = small_body()
    pose, betas, translation = random_pose(np.random.default_rng(3), 4, body)
    rotations = matrix_from_rotvec(pose)
    rest = kinematics.rest_joints(body.joints_template, body.joints_shapedirs, betas)
    transforms = kinematics.global_transforms(rotations, rest, SMALL_PARENTS, translation)
    for person in range(4):
        for joint in range(5):
            expected, walker = np.eye(4), joint
            while walker >= 0:
                parent = SMALL_PARENTS[walker]
                step = np.eye(4)
                step[:3, :3] = rotations[person, walker]
                step[:3, 3] = rest[person, walker] - (rest[person, parent] if parent >= 0 else 0)
                expected, walker = step @ expected, parent
            expected[:3, 3] += translation[person]
            np.testing.assert_allclose(transforms[person, joint], expected, atol=1e-12)


def test_local_from_global_is_the_inverse() -> None:
    body = small_body()
    pose, betas, translation = random_pose(np.random.default_rng(4), 3, body)
    rotations = matrix_from_rotvec(pose)
    rest = kinematics.rest_joints(body.joints_template, body.joints_shapedirs, betas)
    transforms = kinematics.global_transforms(rotations, rest, SMALL_PARENTS, translation)
    again = kinematics.local_from_global(transforms[..., :3, :3], SMALL_PARENTS)
    np.testing.assert_allclose(again, rotations, atol=1e-12)


def test_skinning_transforms_of_no_pose_only_translate() -> None:
    body = small_body()
    rotations = np.broadcast_to(np.eye(3), (5, 3, 3))
    offset = np.array([1.0, 2.0, 3.0])
    transforms = kinematics.global_transforms(
        rotations, body.joints_template, SMALL_PARENTS, offset
    )
    skinning = kinematics.skinning_transforms(transforms, body.joints_template)
    np.testing.assert_allclose(skinning[:, :3, 3], np.tile(offset, (5, 1)), atol=1e-12)
    np.testing.assert_allclose(skinning[:, :3, :3], rotations, atol=1e-12)


def test_fewer_betas_mean_zeros_and_more_are_refused() -> None:
    body = small_body()
    arguments = (body.joints_template, body.joints_shapedirs)
    few = kinematics.rest_joints(*arguments, np.array([0.7]))
    np.testing.assert_allclose(few, kinematics.rest_joints(*arguments, np.array([0.7, 0, 0])))
    with pytest.raises(ValueError, match="4 betas"):
        kinematics.rest_joints(*arguments, np.zeros(4))
