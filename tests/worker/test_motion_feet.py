# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts found, feet held, legs that reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from body_examples import OPEN_BODY
from motion_noise import camera_at, far_and_near, first_frames, noisy, seen_from, smoothed
from walking import Walk, straight, turning, walk

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.worker.motion.clean_up import placed
from nlf_blender.worker.motion.contacts import find_contacts
from nlf_blender.worker.motion.feet import hold_feet
from nlf_blender.worker.motion.foot_points import foot_points, joint_frames
from nlf_blender.worker.motion.motion import PersonMotion
from nlf_blender.worker.motion.segments import runs_of, shots_of

TIMES = np.arange(180) / 30
LEG_JOINTS = [1, 2, 4, 5, 7, 8, 10, 11]


@pytest.fixture(scope="module")
def body() -> BodyData:
    return load_body_npz(OPEN_BODY)


@pytest.fixture(scope="module")
def walked(body: BodyData) -> Walk:
    return walk(body, turning((-2.0, 5.0), np.pi / 2, turn=np.pi, begin=2.5, seconds=2), TIMES)


def sole(motion: PersonMotion, body: BodyData) -> np.ndarray:
    points = foot_points(body, motion.betas, motion.scale)
    assert points is not None
    return points.places(*joint_frames(motion, body))


def slide(motion: PersonMotion, contacts: np.ndarray, body: BodyData) -> float:
    """The fastest that a standing point moves, metres per second."""
    both = contacts[1:] & contacts[:-1]
    way = np.linalg.norm(np.diff(sole(motion, body), axis=0), axis=-1)
    return float((way / np.diff(motion.time)[:, None])[both].max())


def joint_error(motion: PersonMotion, truth: PersonMotion, body: BodyData) -> float:
    places, true = joint_frames(motion, body)[1], joint_frames(truth, body)[1]
    return float(np.linalg.norm(places - true, axis=-1).mean())


def test_the_walker_stands_where_they_say(walked: Walk, body: BodyData) -> None:
    feet = sole(walked.motion, body)
    assert slide(walked.motion, walked.contacts, body) < 1e-6
    assert feet[..., 2].min() > -1e-6
    assert np.abs(feet[..., 2][walked.contacts]).max() < 0.003


def test_foot_points_lie_on_the_sole(body: BodyData) -> None:
    for scale in (1.0, 1.3):
        points = foot_points(body, np.zeros(3), scale)
        assert points is not None
        places = scale * body.joints_template[points.joints] + points.offsets
        assert places[:, 1] == pytest.approx(scale * body.v_template[:, 1].min(), abs=0.006)
        assert (places[[1, 3], 2] - places[[0, 2], 2] > 0.12).all()
        assert (places[:2, 0] > 0).all() and (places[2:, 0] < 0).all()
    numbered = replace(
        body, skeleton=replace(body.skeleton, joint_names=tuple(map(str, range(24)))), kind=""
    )
    assert foot_points(numbered, np.zeros(3), 1.0) is None


def test_foot_points_follow_the_shape(body: BodyData) -> None:
    betas = np.array([2.0, -1.0, 1.5])
    points = foot_points(body, betas, 1.0)
    assert points is not None
    shaped = body.v_template + body.shapedirs[..., :3] @ betas
    joints = body.joints_template + body.joints_shapedirs[..., :3] @ betas
    assert (joints[points.joints] + points.offsets)[:, 1] == pytest.approx(
        shaped[:, 1].min(), abs=0.008
    )


def test_contacts_of_a_walk_are_found(walked: Walk, body: BodyData) -> None:
    found = find_contacts(walked.motion, body)
    agree = (found & walked.contacts).sum()
    assert agree / walked.contacts.sum() > 0.95
    assert agree / found.sum() > 0.85
    wide = walked.contacts.copy()
    for shift in (1, 2, 3):  # a foot is slow and low before it stands, and after
        wide[shift:] |= walked.contacts[:-shift]
        wide[:-shift] |= walked.contacts[shift:]
    assert not (found & ~wide).any()


def test_contacts_of_a_noisy_walk_are_found(walked: Walk, body: BodyData) -> None:
    found = find_contacts(smoothed(noisy(walked.motion, 0)), body)
    agree = (found & walked.contacts).sum()
    assert agree / walked.contacts.sum() > 0.8
    assert agree / found.sum() > 0.75


def test_feet_stand_on_stairs_and_on_unknown_floors(walked: Walk, body: BodyData) -> None:
    raised = replace(walked.motion, root=walked.motion.root + np.array([0, 0, 3.0]))
    unknown = find_contacts(raised, body, None)
    assert (unknown & walked.contacts).sum() / walked.contacts.sum() > 0.9
    upstairs = find_contacts(raised, body, 0.0)
    assert np.array_equal(upstairs, unknown)


def test_no_contact_in_the_air_or_unseen(walked: Walk, body: BodyData) -> None:
    air = (TIMES - 3.0) / 0.6
    root = walked.motion.root.copy()
    flying = (air > 0) & (air < 1)
    root[:, 2] += np.where(flying, 4 * 0.44 * air * (1 - air), 0.0)
    contacts = find_contacts(replace(walked.motion, root=root), body)
    assert not contacts[(air > 0.2) & (air < 0.8)].any()
    evidence = np.ones(len(TIMES), bool)
    evidence[60:90] = False
    blind = find_contacts(replace(walked.motion, evidence=evidence), body)
    assert not blind[60:90].any() and blind[:60].any()
    evidence[60:90] = True
    evidence[62:65] = False
    assert find_contacts(replace(walked.motion, evidence=evidence), body)[62:65].any()


def test_a_raised_foot_that_is_still_does_not_stand(body: BodyData) -> None:
    still = walk(body, straight((0, 4), 0.0), np.zeros(60)).motion
    rotations = still.rotations.copy()
    rotations[:, 1] = rotations[:, 1] @ matrix_from_rotvec(np.array([-1.2, 0, 0]))
    motion = replace(still, time=np.arange(60) / 30, rotations=rotations)
    lowest = sole(motion, body)[0, :, 2]
    motion = replace(motion, root=motion.root - [0, 0, lowest.min()])
    contacts = find_contacts(motion, body)
    assert not contacts[:, :2].any() and contacts[:, 2:].any(axis=1).all()


def test_true_motion_is_left_alone(walked: Walk, body: BodyData) -> None:
    held = hold_feet(walked.motion, walked.contacts, body)
    assert joint_error(held, walked.motion, body) < 0.0006
    none = hold_feet(walked.motion, np.zeros_like(walked.contacts), body)
    assert joint_error(none, walked.motion, body) < 1e-9


@pytest.mark.parametrize("correlation", [0.5, 3.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_noisy_feet_are_held(walked: Walk, body: BodyData, seed: int, correlation: float) -> None:
    seen = smoothed(noisy(walked.motion, seed, correlation=correlation))
    contacts = find_contacts(seen, body)
    held = hold_feet(seen, contacts, body)
    assert slide(held, contacts, body) < 0.02 < slide(seen, contacts, body)
    assert sole(held, body)[..., 2].min() > -0.001
    before = joint_error(seen, walked.motion, body)
    assert joint_error(held, walked.motion, body) < before * 1.02


def test_who_was_seen_stays_in_the_picture(walked: Walk, body: BodyData) -> None:
    camera = camera_at(10.0, 0.0, 1.6)
    turn, eye = camera[:3, :3], camera[:3, 3]
    noise = noisy(walked.motion, 0, place=0.01, degrees=2.0)
    far = far_and_near(seen_from(noise, camera), 0.03, 0, correlation=4.0)
    rotations = far.rotations.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    seen = smoothed(replace(far, rotations=rotations, root=far.root @ turn.T + eye))
    eyes = np.tile(eye, (len(TIMES), 1))
    contacts = find_contacts(seen, body, 0.0, eyes)
    assert contacts.mean() > 0.3

    def angles(motion: PersonMotion, other: PersonMotion) -> float:
        """Mean angle between joints as the camera sees them, radians."""
        rays = [joint_frames(one, body)[1] - eye for one in (motion, other)]
        first, second = (r / np.linalg.norm(r, axis=-1, keepdims=True) for r in rays)
        return float(np.linalg.norm(first - second, axis=-1).mean())

    held, blind = hold_feet(seen, contacts, body, 0.0, eyes), hold_feet(seen, contacts, body)
    assert slide(held, contacts, body) < 0.02 < slide(seen, contacts, body)
    assert angles(held, seen) < 0.003
    after, without = (joint_error(one, walked.motion, body) for one in (held, blind))
    assert after < 0.8 * without


@pytest.mark.parametrize(
    ("pitch", "height", "away", "most"),
    [(5.0, 1.7, 9.0, 0.1), (1.0, 1.0, 7.0, 0.08)],
    ids=["from the eye", "from low"],
)
def test_a_foot_that_swings_towards_the_camera_does_not_stand(
    body: BodyData, pitch: float, height: float, away: float, most: float
) -> None:
    coming = walk(body, straight((0.3, away), 0.0), TIMES)
    camera = camera_at(pitch, 0.0, height)
    noise = seen_from(noisy(coming.motion, 0, place=0.01, degrees=2.0), camera)
    far = smoothed(far_and_near(noise, 0.03, 0, correlation=1.0), 1.0)
    seen = placed(far, 0, np.tile(camera, (len(TIMES), 1, 1)))
    contacts = find_contacts(seen, body, 0.0, np.tile(camera[:3, 3], (len(TIMES), 1)))
    swinging = ~np.repeat(coming.contacts.reshape(-1, 2, 2).any(axis=2), 2, axis=1)
    assert contacts[swinging].mean() < most
    assert contacts[coming.contacts].mean() > 0.88


def test_held_feet_do_not_pop(walked: Walk, body: BodyData) -> None:
    seen = smoothed(noisy(walked.motion, 3))
    held = hold_feet(seen, find_contacts(seen, body), body)

    def jerk(motion: PersonMotion) -> np.ndarray:
        places = joint_frames(motion, body)[1][:, LEG_JOINTS]
        return np.linalg.norm(np.diff(places, 2, axis=0), axis=-1)

    true, after = jerk(walked.motion), jerk(held)
    assert after.max() < 1.5 * true.max()


def test_knees_never_bend_the_wrong_way(walked: Walk, body: BodyData) -> None:
    rotations = walked.motion.rotations.copy()
    rotations[:, [4, 5]] = matrix_from_rotvec(np.array([-0.1, 0.0, 0.0]))
    seen = replace(walked.motion, rotations=rotations)
    held = hold_feet(seen, walked.contacts, body)
    stands = walked.contacts[:, :2].any(axis=1)
    orientations, places = joint_frames(held, body)
    hip, knee, ankle = (places[stands][:, joint] for joint in (1, 4, 7))
    line = (ankle - hip) / np.linalg.norm(ankle - hip, axis=-1, keepdims=True)
    bend = (knee - hip) - np.sum((knee - hip) * line, axis=-1, keepdims=True) * line
    front = orientations[stands, 1, :, 2]
    assert np.sum(bend * front, axis=-1).min() > -0.005


def test_feet_under_the_floor_come_up(walked: Walk, body: BodyData) -> None:
    sunk = replace(walked.motion, root=walked.motion.root - [0, 0, 0.05])
    held = hold_feet(sunk, find_contacts(sunk, body), body)
    assert sole(sunk, body)[..., 2].min() < -0.04
    assert sole(held, body)[..., 2].min() > -0.001
    unknown = hold_feet(sunk, walked.contacts, body, None)
    assert sole(unknown, body)[..., 2].min() < -0.03


def test_shots_are_held_apart(walked: Walk, body: BodyData) -> None:
    half = len(TIMES) // 2
    shot = (np.arange(len(TIMES)) >= half).astype(np.int64)
    moved = walked.motion.root + np.where(shot[:, None] == 1, [3.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    seen = smoothed(noisy(walked.motion, 0))
    cut = replace(seen, shot=shot, root=seen.root + moved - walked.motion.root)
    contacts = find_contacts(cut, body)
    held = hold_feet(cut, contacts, body)
    alone = hold_feet(first_frames(cut, half), contacts[:half], body)
    assert np.allclose(held.rotations[:half], alone.rotations)


def test_a_frame_alone_is_no_trouble(walked: Walk, body: BodyData) -> None:
    one = first_frames(walked.motion, 1)
    assert find_contacts(one, body).shape == (1, 4)
    held = hold_feet(one, np.ones((1, 4), bool), body)
    assert np.isfinite(held.rotations).all() and np.isfinite(held.root).all()


def test_a_contact_out_of_reach_does_no_harm(walked: Walk, body: BodyData) -> None:
    held = hold_feet(walked.motion, np.ones((len(TIMES), 4), bool), body)
    assert np.isfinite(held.rotations).all()
    identity = held.rotations @ np.swapaxes(held.rotations, -1, -2)
    assert np.allclose(identity, np.eye(3), atol=1e-9)


def test_runs_and_shots(walked: Walk) -> None:
    assert runs_of(np.array([True, False, True, True])) == [(0, 0), (2, 3)]
    assert runs_of(np.zeros(3, bool)) == []
    three = replace(walked.motion, shot=np.repeat([0, 2, 5], 60))
    assert shots_of(three) == [slice(0, 60), slice(60, 120), slice(120, 180)]
