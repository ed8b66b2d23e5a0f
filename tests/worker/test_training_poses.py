# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn poses: joints' limits, parts that run into each other, arms that reach, shapes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nlf_blender.worker.training.synthetic.bodies import open_body
from nlf_blender.worker.training.synthetic.coverage import MEASURES, measured, shares
from nlf_blender.worker.training.synthetic.draft import Draft
from nlf_blender.worker.training.synthetic.figures import (
    Figure,
    FigureModel,
    pose_figure,
    segment_distances,
)
from nlf_blender.worker.training.synthetic.joint_limits import within_limits
from nlf_blender.worker.training.synthetic.limb_reach import Reach, outside, reach
from nlf_blender.worker.training.synthetic.poses import DEEPEST, PoseSampler, arms_out
from nlf_blender.worker.training.synthetic.postures import POSTURES
from nlf_blender.worker.training.synthetic.shapes import KINDS, ShapeSpace
from nlf_blender.worker.training.synthetic.skeleton import INDEX, mirror_pose
from nlf_blender.worker.training.synthetic.turns import turn

T_POSE = np.tile(np.eye(3), (24, 1, 1))


@pytest.fixture(scope="module")
def model() -> FigureModel:
    return FigureModel(open_body())


@pytest.fixture(scope="module")
def figure(model: FigureModel) -> Figure:
    return model.figure(np.zeros(16))


def with_joints(**rotations: np.ndarray) -> np.ndarray:
    local = T_POSE.copy()
    for joint, rotation in rotations.items():
        local[INDEX[joint]] = rotation
    return local


def is_within(local: np.ndarray) -> bool:
    """Whether all joints but the pelvis of poses [...,24,3,3] are within their limits."""
    return np.allclose(within_limits(local)[..., 1:, :, :], local[..., 1:, :, :], atol=1e-6)


def test_knees_do_not_bend_forward_nor_elbows_back() -> None:
    local = with_joints(
        left_knee=turn("x", -40), right_elbow=turn("y", -60), left_elbow=turn("y", 60)
    )
    kept = within_limits(local)
    assert np.allclose(kept[INDEX["left_knee"]], turn("x", -4))
    assert np.allclose(kept[INDEX["left_elbow"]], turn("y", 6))
    assert np.allclose(kept[INDEX["right_elbow"]], turn("y", -6))
    bent = with_joints(left_knee=turn("x", 140), right_elbow=turn("y", 140))
    assert np.allclose(within_limits(bent), bent)


def test_limits_hold_are_mirrored_and_leave_the_pelvis_alone() -> None:
    random = np.random.default_rng(1)
    local = Rotation.random(24 * 40, random_state=random).as_matrix().reshape(40, 24, 3, 3)
    kept = within_limits(local)
    assert not is_within(local)
    assert is_within(kept)
    assert np.allclose(kept[:, 0], local[:, 0])
    assert np.allclose(kept @ kept.swapaxes(-1, -2), np.eye(3))
    for before, after in zip(local, kept, strict=True):
        assert np.allclose(within_limits(mirror_pose(before)), mirror_pose(after), atol=1e-6)


def test_cross_legged_sitting_is_within_the_limits() -> None:
    draft = Draft()
    for side in ("left", "right"):
        draft.leg(side, 95, 125, spread=42, out=66)
    assert is_within(draft.local)
    standing = Draft()
    standing.leg("left", 0, 0, spread=0, out=110)  # as far, without the flexion: not possible
    assert not is_within(standing.local)


def test_segment_distances_are_those_of_the_closest_points() -> None:
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, 60, 2, 3))
    second[:10] = first[:10] + random.normal(size=3)  # parallel
    second[10:15, 1] = second[10:15, 0]  # a point
    share = np.linspace(0, 1, 201)[:, None]
    for one, other, found in zip(first, second, segment_distances(first, second), strict=True):
        on_one = one[0] + share * (one[1] - one[0])
        on_other = other[0] + share * (other[1] - other[0])
        apart = np.linalg.norm(on_one[:, None] - on_other[None], axis=-1).min()
        assert apart - 0.02 < found < apart + 1e-9


@pytest.mark.parametrize(
    ("local", "parts"),
    [
        (with_joints(left_hip=turn("x", -165)), {"belly", "chest", "left_thigh", "left_shin"}),
        (
            with_joints(left_hip=turn("z", -30), right_hip=turn("z", 30)),
            {"left_thigh", "right_thigh", "left_shin", "right_shin", "left_foot", "right_foot"},
        ),
        (
            with_joints(left_shoulder=turn("y", -75), left_elbow=turn("y", -165)),
            {"left_forearm", "left_hand", "chest", "head"},
        ),
    ],
)
def test_parts_that_run_into_each_other_are_found(
    figure: Figure, local: np.ndarray, parts: set[str]
) -> None:
    assert pose_figure(figure, T_POSE).overlap() <= 0
    posed = pose_figure(figure, local)
    assert posed.overlap() > DEEPEST * figure.stature
    worst = max(posed.overlaps().items(), key=lambda item: item[1])[0]
    assert set(worst) <= parts


def test_figure_is_the_posed_body_in_outline(figure: Figure) -> None:
    random = np.random.default_rng(4)
    posed = pose_figure(figure, PoseSampler(None).draw(random, figure).local)
    assert 1.5 < figure.stature < 1.9
    inside = np.linalg.norm(posed.points()[:, None] - posed.joints[None], axis=-1).min(axis=1)
    assert inside.max() < 0.3  # the skin stays about the joints
    assert np.all(figure.radii > 0.015) and np.all(figure.radii < 0.2)


@pytest.mark.parametrize("side", ["left", "right"])
def test_arms_reach_their_goal_with_the_palm_as_wanted(figure: Figure, side: str) -> None:
    sign = 1.0 if side == "left" else -1.0
    local = with_joints(spine2=turn("x", 20), left_collar=turn("z", 8))
    posed = pose_figure(figure, local)
    shoulder = posed.joints[INDEX[f"{side}_shoulder"]]
    goal = shoulder + np.array([sign * 0.15, -0.1, 0.35])
    pole, palm = np.array([sign, -1.0, 0.0]), np.array([0.0, -1.0, 0.0])
    reach(local, posed, side, Reach(goal, pole, palm))
    done = pose_figure(figure, local)
    assert np.linalg.norm(done.joints[INDEX[f"{side}_wrist"]] - goal) < 1e-3
    elbow = done.joints[INDEX[f"{side}_elbow"]]
    assert (elbow - (shoulder + goal) / 2) @ pole > 0
    fore = goal - elbow
    best = palm - (palm @ fore) / (fore @ fore) * fore  # a palm faces across its forearm
    found = -done.world[INDEX[f"{side}_wrist"]][:, 1]
    assert found @ best / np.linalg.norm(best) > 0.99
    far = shoulder + np.array([sign * 3.0, 0.0, 0.0])
    reach(local, posed, side, Reach(far, pole))
    arm = pose_figure(figure, local).joints[INDEX[f"{side}_wrist"]] - shoulder
    assert arm @ [sign, 0, 0] > 0.99 * np.linalg.norm(arm)


def test_places_in_the_body_move_out_of_it(figure: Figure) -> None:
    posed = pose_figure(figure, T_POSE)
    within = posed.joints[INDEX["spine2"]] + [0.02, 0.0, 0.05]
    moved = outside(posed, within, 0.04)
    ends = posed.capsule_ends()
    point = np.broadcast_to(moved, (len(ends), 2, 3))
    assert (segment_distances(point, ends) - figure.radii)[:4].min() > 0.03
    free = np.array([0.0, 0.0, 2.0])
    assert np.array_equal(outside(posed, free, 0.04), free)


@pytest.mark.parametrize("name", POSTURES)
def test_every_posture_can_be_drawn_within_limits_and_apart(figure: Figure, name: str) -> None:
    from nlf_blender.worker.training.synthetic.poses import _with_arms

    random = np.random.default_rng(6)
    poses = [_with_arms(random, figure, POSTURES[name][1](random)) for _ in range(12)]
    possible = [pose for pose in poses if pose is not None]
    assert len(possible) >= 3
    for pose in possible:
        assert pose.name == name
        assert is_within(pose.local)
        assert pose_figure(figure, pose.local).overlap() <= DEEPEST * figure.stature


def test_poses_of_all_shapes_are_possible_and_repeatable(model: FigureModel) -> None:
    space, sampler = ShapeSpace(model), PoseSampler(None)
    found: list[dict[str, bool]] = []
    for seed in range(200):
        random, again = (np.random.default_rng(seed) for _ in range(2))
        shape, same = space.draw(random), space.draw(again)
        assert np.array_equal(shape.betas, same.betas)
        person = model.figure(shape.betas, shape.scale)
        pose = sampler.draw(random, person)
        assert np.array_equal(pose.local, sampler.draw(again, person).local)
        assert is_within(pose.local)
        posed = pose_figure(person, pose.local)
        assert posed.overlap() <= DEEPEST * person.stature + 2e-3  # mirrored: skin is not quite
        found.append(measured(posed, pose.rests_on == "seat"))
    share = shares(found)
    print({name: round(value, 3) for name, value in share.items()})
    least = {"sitting": 0.16, "lying": 0.06, "crouching": 0.06, "kneeling": 0.02, "bending": 0.08}
    least |= {"arm raised": 0.22, "arm forward": 0.13, "arm behind": 0.1, "hand at head": 0.08}
    assert all(share[name] >= value for name, value in least.items()), share


def test_measures_tell_plain_poses_apart(figure: Figure) -> None:
    def seen(local: np.ndarray, on_seat: bool = False) -> set[str]:
        found = measured(pose_figure(figure, local), on_seat)
        assert tuple(sorted(found)) == tuple(sorted(MEASURES))
        return {name for name, holds in found.items() if holds}

    assert seen(arms_out().local) == set()
    seat = {f"{side}_{joint}": turn("x", angle) for side in ("left", "right")
            for joint, angle in (("hip", -90), ("knee", 90))}  # fmt: skip
    assert "sitting" in seen(with_joints(**seat), True)
    assert "sitting" not in seen(with_joints(**seat))
    squat = {f"{side}_{joint}": turn("x", angle) for side in ("left", "right")
             for joint, angle in (("hip", -115), ("knee", 130))}  # fmt: skip
    assert "crouching" in seen(with_joints(**squat))
    assert "lying" in seen(with_joints(pelvis=turn("x", -90)))
    assert "upside down" in seen(with_joints(pelvis=turn("z", 180)))
    assert "bending" in seen(with_joints(pelvis=turn("x", 70)))
    assert "arm raised" in seen(with_joints(left_shoulder=turn("z", 80)))
    assert "arm behind" in seen(with_joints(left_shoulder=turn("y", 50)))
    assert "trunk twisted" in seen(with_joints(spine1=turn("y", 30)))


def test_shapes_are_spread_as_named(model: FigureModel) -> None:
    space, random = ShapeSpace(model), np.random.default_rng(8)
    drawn = [space.draw(random) for _ in range(400)]
    stature: dict[str, list[float]] = {kind: [] for kind in KINDS}
    girth: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for shape in drawn:
        one = model.figure(shape.betas, shape.scale)
        stature[shape.kind].append(one.stature)
        girth[shape.kind].append(one.radii[1] / one.stature)
    tall, short, child = (np.mean(stature[kind]) for kind in ("tall", "short", "child"))
    assert tall > np.mean(stature["adult"]) + 0.08 > short + 0.16 and child < 1.45
    assert np.mean(girth["heavy"]) > 1.15 * np.mean(girth["slight"])
    held_out = [space.draw(random, "held-out") for _ in range(400)]
    spread = [np.std([shape.betas for shape in shapes]) for shapes in (drawn, held_out)]
    assert spread[1] > 1.05 * spread[0]
