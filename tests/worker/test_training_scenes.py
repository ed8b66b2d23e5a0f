# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic scenes: people on the ground and on seats, cameras, and casts in batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nlf_blender.errors import UserError
from nlf_blender.worker.training.synthetic import scenes
from nlf_blender.worker.training.synthetic.cameras import (
    BORDER,
    FRAME_MARGIN,
    NEAREST,
    WorldCamera,
    intrinsics_of,
)
from nlf_blender.worker.training.synthetic.casting import Casting
from nlf_blender.worker.training.synthetic.headings import camera_axes, draw_view
from nlf_blender.worker.training.synthetic.placing import DEEPEST, overlap
from nlf_blender.worker.training.synthetic.scene import PROP_KINDS, Scene
from nlf_blender.worker.training.synthetic.skeleton import INDEX
from nlf_blender.worker.training.synthetic.stage import SUBJECT, Cast

HIPS, SHOULDERS = ([INDEX[f"{side}_{name}"] for side in ("left", "right")]
                   for name in ("hip", "shoulder"))  # fmt: skip


@pytest.fixture(scope="module")
def casting() -> Casting:
    return Casting(None)


@pytest.fixture(scope="module")
def crops(casting: Casting) -> Cast:
    return casting.crops(3, range(40), 200)


@pytest.fixture(scope="module")
def plans(casting: Casting) -> list[Scene]:
    return [casting.plan(4, number, (320, 240)) for number in range(60)]


def pixels(cast: Cast, points: torch.Tensor) -> np.ndarray:
    """Pixels [N,K,2] of points [N,K,3] of the cast's people."""
    matrices = cast.cameras.intrinsics[cast.people.picture]
    seen = points @ matrices.transpose(1, 2)
    return (seen[..., :2] / seen[..., 2:]).numpy()


def heights(cast: Cast) -> np.ndarray:
    """Metres [N,V] of the people's vertices over the ground."""
    people, cameras = cast.people, cast.cameras
    along = torch.einsum("nva,na->nv", people.vertices, cameras.up[people.picture])
    return (along + cameras.height[people.picture][:, None]).numpy()


def test_a_picture_is_the_same_in_any_batch_and_other_ones_differ(casting: Casting) -> None:
    one, other = casting.crops(3, [7], 200), casting.crops(3, [2, 7], 200)
    mine, theirs = one.people.betas, other.people.betas[other.people.picture == 1]
    assert torch.equal(mine, theirs)
    assert torch.equal(one.people.rotations, other.people.rotations[other.people.picture == 1])
    assert torch.equal(one.cameras.intrinsics[0], other.cameras.intrinsics[1])
    assert not torch.equal(other.people.betas[0], mine[0])
    assert not np.allclose(casting.plan(9, 7, 200).up, casting.plan(3, 7, 200).up)


def test_held_out_pictures_are_others(casting: Casting) -> None:
    held_out = Casting(None, "held-out", body=casting.body)
    for number in range(3):
        mine, theirs = (maker.plan(3, number, 200) for maker in (casting, held_out))
        assert not np.allclose(mine.people[0].betas, theirs.people[0].betas)
        assert not np.allclose(mine.people[0].rotations, theirs.people[0].rotations)
    assert held_out.crops(3, [0], 64).seed != casting.crops(3, [0], 64).seed
    with pytest.raises(UserError, match="test"):
        Casting(None, "test", body=casting.body)


def test_crops_are_framed_as_the_finder_frames_them(crops: Cast) -> None:
    people = crops.people
    subject = (people.owner == SUBJECT).numpy()
    assert subject.sum() == len(crops.numbers)
    joints = pixels(crops, people.joints)[subject]
    hips, shoulders = joints[:, HIPS].mean(axis=1), joints[:, SHOULDERS].mean(axis=1)
    whole = np.abs(hips - 99.5).max(axis=1) < 1  # the others are close-ups
    assert whole.mean() > 0.8
    up = shoulders - hips
    assert np.abs(np.degrees(np.arctan2(up[:, 0], -up[:, 1]))[whole]).max() < 10
    skin = pixels(crops, people.vertices)[subject]
    reach = np.linalg.norm(skin - hips[:, None], axis=-1).max(axis=1)
    assert np.abs(reach[whole] / 100 * FRAME_MARGIN * BORDER - 1).max() < 0.04
    assert float(people.vertices[..., 2].min()) > NEAREST / 2


def test_people_are_on_the_ground_on_seats_or_in_the_air(casting: Casting, crops: Cast) -> None:
    lowest = heights(crops).min(axis=1)
    assert lowest.min() > -0.05
    assert (np.abs(lowest) < 0.03).mean() > 0.6
    assert (lowest < 3.1).all()
    planned = [casting.plan(3, number, 200) for number in crops.numbers]
    names = [person.posture for scene in planned for person in scene.people]
    in_air = np.isin(names, ["jump", "climb", "tumble"])
    on_props = len([prop for scene in planned for prop in scene.props])
    assert (lowest[~in_air] > 0.03).sum() <= on_props
    for kind in {prop.kind for scene in planned for prop in scene.props}:
        assert kind in PROP_KINDS


def test_seats_carry_those_who_sit_on_them(casting: Casting) -> None:
    maker, random = casting.maker.people, np.random.default_rng(2)
    part = maker.model.part
    buttocks = np.isin(part, [INDEX[name] for name in ("pelvis", "left_hip", "right_hip")])
    sitters = 0
    while sitters < 8:
        person = maker.person(random, 30.0)
        if person.pose.rests_on != "seat":
            continue
        sitters += 1
        seat = person.seat
        assert seat is not None and seat.place[1] == 0
        own = (person.points - seat.place) @ seat.rotation  # in the seat's axes
        under = own[buttocks]
        assert abs(under[:, 1].min() - seat.size[1]) < 0.08
        lowest = under[under[:, 1].argmin()]
        assert np.all(np.abs(lowest[[0, 2]]) < seat.size[[0, 2]] / 2 + 0.02)
        assert np.allclose(seat.rotation @ seat.rotation.T, np.eye(3))


def test_scenes_show_one_to_six_near_and_far_wide_and_tele(plans: list[Scene]) -> None:
    counts = [len(scene.people) for scene in plans]
    assert min(counts) == 1 and 4 <= max(counts) <= 6
    angles = [np.degrees(2 * np.arctan(160 / scene.intrinsics[0, 0])) for scene in plans]
    assert min(angles) < 15 and 70 < max(angles) <= 101
    depths = np.array([scene.people[0].translation[2] for scene in plans])
    assert depths.min() < 2 and depths.max() > 15
    looks_down = np.array([-scene.up[2] for scene in plans])
    assert looks_down.max() > 0.5 and looks_down.min() < -0.05
    for scene in plans:
        assert scene.size == (320, 240) and scene.camera_height > 0
        assert np.isclose(np.linalg.norm(scene.up), 1)


def test_the_first_person_is_in_the_picture(casting: Casting) -> None:
    cast = casting.scenes(4, range(25), (320, 240))
    seen = pixels(cast, cast.people.vertices)
    inside = ((seen >= 0) & (seen < [320, 240])).all(axis=-1)
    assert inside.any(axis=1).all()
    assert float(cast.people.vertices[..., 2].min()) > NEAREST / 2


def test_neighbours_touch_but_are_not_in_each_other(casting: Casting) -> None:
    random = np.random.default_rng(12)
    deep = []
    for _ in range(12):
        first, *others = casting.maker.people.group(random, (0, 0.4, 0.3, 0.3))
        deep += [overlap(first, other) for other in others]
    assert np.mean(np.array(deep) <= DEEPEST + 1e-9) > 0.9
    assert max(deep) > -0.3  # some are close


def test_whoever_hides_most_of_the_subject_is_left_out_of_crops(
    casting: Casting, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = range(60)
    kept = sum(len(casting.plan(3, number, 200).people) for number in numbers)
    monkeypatch.setattr(scenes, "MOST_HIDDEN", 1.1)
    assert kept < sum(len(casting.plan(3, number, 200).people) for number in numbers)


def test_lights_are_unit_directions_with_darkness_for_missing_lamps(crops: Cast) -> None:
    lights = crops.lights
    assert torch.allclose(lights.directions.norm(dim=-1), torch.ones(1), atol=1e-5)
    assert (lights.colors >= 0).all() and (lights.colors[:, 0].sum(-1) > 0).all()
    assert (lights.colors[:, 1:] == 0).any()
    assert (lights.softness <= 1).all() and (lights.softness < 0).any()


def test_platforms_lift_those_who_lie_on_them(casting: Casting) -> None:
    maker, random = casting.maker.people, np.random.default_rng(3)
    lifted = 0
    while lifted < 3:
        person = maker.person(random, 0.0)
        if person.seat is None or person.pose.rests_on == "seat":
            continue
        lifted += 1
        low, high = person.points.min(axis=0), person.points.max(axis=0)
        assert np.isclose(low[1], person.seat.size[1])
        under = person.seat.place[[0, 2]], person.seat.size[[0, 2]] / 2
        assert (low[[0, 2]] >= under[0] - under[1]).all()
        assert (high[[0, 2]] <= under[0] + under[1]).all()


def test_cameras_do_not_show_who_is_behind_them_at_the_lens_or_beside() -> None:
    matrix = intrinsics_of(100.0, (200, 100))
    camera = WorldCamera(np.eye(3), np.array([0.0, 0.0, 1.0]), matrix, (200, 100))
    cloud = np.random.default_rng(0).uniform(-0.1, 0.1, (800, 3))

    def at(x: float, z: float) -> np.ndarray:
        return cloud + np.array([x, 0.0, z])

    assert camera.shows(at(0, 3)) and camera.shows(at(2.05, 3))
    assert not camera.shows(at(2.3, 3))
    assert not camera.shows(at(0, 1.2)) and not camera.shows(at(0, -3))
    assert camera.hidden(at(0, 3), at(0, 2.5)) > 0.85
    assert 0.3 < camera.hidden(at(0, 3), at(0.08, 2.5)) < 0.9
    assert camera.hidden(at(0, 2.5), at(0, 3)) < 0.05


def test_views_are_from_all_sides_and_camera_axes_are_a_rotation() -> None:
    random = np.random.default_rng(0)
    views = [draw_view(random) for _ in range(600)]
    elevations = np.array([view.elevation for view in views])
    assert (elevations > 60).mean() > 0.03 and (elevations < -5).mean() > 0.08
    azimuths, _ = np.histogram([view.azimuth for view in views], 6, (0, 360))
    assert azimuths.min() > 60
    for forward in np.eye(3):
        axes = camera_axes(forward, 30.0)
        assert np.allclose(axes @ axes.T, np.eye(3)) and np.isclose(np.linalg.det(axes), 1)
        assert np.allclose(axes[2], forward)
    upright = camera_axes(np.array([0.0, 0.0, -1.0]), 0.0)
    assert np.allclose(upright, [[1, 0, 0], [0, -1, 0], [0, 0, -1]])
