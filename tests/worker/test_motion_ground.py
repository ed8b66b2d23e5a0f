# SPDX-License-Identifier: GPL-3.0-or-later
"""Up and the floor from feet: exact motion, noise, and clips that hardly tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from body_examples import OPEN_BODY
from motion_noise import camera_at, far_and_near, first_frames, ground_errors, noisy, seen_from
from rendered_clip import LARGE, SCENES, truth_of
from walking import straight, turning, walk

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.conventions import BLENDER_FROM_CAMERA
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.protocol.cameras import CameraMotion
from nlf_blender.worker.motion.ground import find_world, world_rotation
from nlf_blender.worker.motion.motion import PersonMotion

TIMES = np.arange(240) / 30
CAMERAS = [(10.0, 0.0, 1.6), (25.0, 4.0, 2.5), (-5.0, -3.0, 0.8)]


@pytest.fixture(scope="module")
def body() -> BodyData:
    return load_body_npz(OPEN_BODY)


@pytest.fixture(scope="module")
def people(body: BodyData) -> list[PersonMotion]:
    turned = turning((-2.0, 4.0), np.pi / 2, turn=np.pi, begin=3, seconds=2.5)
    return [
        walk(body, turned, TIMES).motion,
        walk(body, straight((2.5, 5.0), -np.pi / 2, 0.6), TIMES, phase=0.3).motion,
    ]


@pytest.mark.parametrize("camera", CAMERAS)
def test_walking_people_show_the_floor(
    body: BodyData, people: list[PersonMotion], camera: tuple[float, float, float]
) -> None:
    true = camera_at(*camera)
    world = find_world([seen_from(one, true) for one in people], body, None, "auto")
    assert world.static is not None and world.floor == 0.0
    tilt, height = ground_errors(world.static, true, people[0].root[:, :2])
    assert tilt < 0.1 and height < 0.005
    assert world.camera_height == pytest.approx(camera[2], abs=0.02)


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("correlation", [0.5, 3.0, 8.0])
def test_noise_moves_the_floor_little(
    body: BodyData,
    people: list[PersonMotion],
    camera: tuple[float, float, float],
    correlation: float,
) -> None:
    true = camera_at(*camera)
    seen = [
        seen_from(noisy(one, seed, correlation=correlation), true)
        for seed, one in enumerate(people)
    ]
    world = find_world(seen, body, None, "auto")
    assert world.static is not None
    tilt, height = ground_errors(world.static, true, people[0].root[:, :2])
    assert tilt < 1.0 and height < 0.02


def test_people_of_wrong_size_do_not_tilt_the_floor(
    body: BodyData, people: list[PersonMotion]
) -> None:
    true = camera_at(25.0, 4.0, 2.5)
    seen = [seen_from(noisy(one, seed), true) for seed, one in enumerate(people)]
    wrong = [
        replace(one, root=size * one.root, scale=size)
        for one, size in zip(seen, (1.05, 0.96), strict=True)
    ]
    world = find_world(wrong, body, None, "auto")
    assert world.static is not None
    assert ground_errors(world.static, true, people[0].root[:, :2])[0] < 0.7
    # which of them is how large, nobody knows, but who is larger
    assert world.sizes[0] / world.sizes[1] == pytest.approx(0.96 / 1.05, abs=0.02)


@pytest.mark.parametrize("scene", SCENES)
def test_noise_that_is_gone_in_the_mean_hardly_tilts_the_floor(scene: str) -> None:
    truth = truth_of(LARGE, scene)
    true = truth.world_from_camera
    seen = [
        far_and_near(seen_from(noisy(walked.motion, 20 + n, 0.015), true), 0.02, 20 + n, 0.3)
        for n, walked in enumerate(truth.walks)
    ]
    world = find_world(seen, truth.body, None, "auto")
    assert world.static is not None
    places = np.concatenate([walked.motion.root[:, :2] for walked in truth.walks])
    tilt, height = ground_errors(world.static, true, places)
    assert tilt < 0.6 and height < 0.025


def test_one_frame_and_one_place_tell_less_but_do_no_harm(
    body: BodyData, people: list[PersonMotion]
) -> None:
    true = camera_at(10.0, 0.0, 1.6)
    once = first_frames(people[0], 1)
    still = replace(
        people[0],
        rotations=np.repeat(once.rotations, len(TIMES), axis=0),
        root=np.repeat(once.root, len(TIMES), axis=0),
    )
    for motion in (once, still):
        world = find_world([seen_from(motion, true)], body, None, "auto")
        assert world.static is not None
        tilt, height = ground_errors(world.static, true, motion.root[:1, :2])
        assert tilt < 4.0 and height < 0.03


def test_who_lies_does_not_turn_the_world_over(body: BodyData, people: list[PersonMotion]) -> None:
    lying = people[0].rotations.copy()
    lying[:, 0] = matrix_from_rotvec(np.array([np.pi / 2, 0, 0])) @ lying[:, 0]
    root = people[0].root * [0.0, 0.0, 0.0] + [0.0, 4.0, 0.2]
    true = camera_at(0.0, 0.0, 1.5)
    seen = seen_from(replace(people[0], rotations=lying, root=root), true)
    world = find_world([seen], body, None, "auto")
    assert world.tilt < 8.0


def test_flying_feet_do_not_lift_the_floor(body: BodyData, people: list[PersonMotion]) -> None:
    jumping = people[0].root.copy()
    phase = (TIMES % 1.0) / 0.5
    jumping[:, 2] += np.where(phase < 1, 0.3 * 4 * phase * (1 - phase), 0.0)
    true = camera_at(10.0, 0.0, 1.6)
    jumper = replace(people[0], root=jumping)
    world = find_world([seen_from(jumper, true)], body, None, "auto")
    assert world.static is not None
    tilt, height = ground_errors(world.static, true, people[0].root[:, :2])
    assert tilt < 1.5 and height < 0.03


def test_level_and_no_ground(body: BodyData, people: list[PersonMotion]) -> None:
    true = camera_at(0.0, 0.0, 1.4)
    seen = [seen_from(one, true) for one in people]
    level = find_world(seen, body, None, "level")
    assert level.static is not None
    assert np.array_equal(level.static[:3, :3], BLENDER_FROM_CAMERA)
    assert level.static[2, 3] == pytest.approx(1.4, abs=0.01)
    none = find_world(seen, body, None, "none")
    assert none.static is not None and none.floor is None
    assert np.array_equal(none.static[:3, 3], np.zeros(3))
    assert find_world([], body, None, "auto").camera_height == 0.0


def test_the_longest_shot_decides(body: BodyData, people: list[PersonMotion]) -> None:
    true, other = camera_at(10.0, 0.0, 1.6), camera_at(-20.0, 0.0, 0.5)
    first, second = seen_from(people[0], true), seen_from(people[0], other)
    late = np.arange(len(TIMES)) >= 200
    cut = replace(
        first,
        shot=late.astype(np.int64),
        rotations=np.where(late[:, None, None, None], second.rotations, first.rotations),
        root=np.where(late[:, None], second.root, first.root),
    )
    world = find_world([cut], body, None, "auto")
    assert world.static is not None and "cuts" in world.how
    assert ground_errors(world.static, true, people[0].root[:200, :2])[0] < 0.5


@pytest.mark.parametrize(("height", "floor"), [(0.0, 0.0), (0.05, 0.0), (1.2, 1.2)])
def test_a_solved_camera_keeps_its_world(
    body: BodyData, people: list[PersonMotion], height: float, floor: float
) -> None:
    frames = people[0].frame
    matrices = np.tile(camera_at(10.0, 0.0, 1.6 + height), (len(frames), 1, 1))
    intrinsics = np.tile(np.diag([800.0, 800.0, 1.0]), (len(frames), 1, 1))
    cameras = CameraMotion(frames, intrinsics, matrices)
    seen = [seen_from(one, camera_at(10.0, 0.0, 1.6)) for one in people]
    world = find_world(seen, body, cameras, "auto")
    assert world.static is None and world.floor == pytest.approx(floor, abs=0.01)
    assert np.array_equal(world.matrices(frames[3:5]), matrices[3:5])


@pytest.mark.parametrize("up", [[0, 0, -1.0], [0, 0, 1.0], [0.1, -0.9, 0.4], [1.0, 0, 0]])
def test_the_world_is_upright_whichever_way_the_camera_looks(up: list[float]) -> None:
    direction = np.array(up) / np.linalg.norm(up)
    rotation = world_rotation(direction)
    assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.linalg.det(rotation) > 0
    assert np.allclose(rotation @ direction, [0, 0, 1])
    assert (rotation @ [0, 0, 1])[1] >= -1e-9
