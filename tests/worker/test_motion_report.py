# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of a quality report, on motion made by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from body_examples import OPEN_BODY

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.conventions import BLENDER_FROM_SMPL
from nlf_blender.worker.motion.foot_points import foot_points, joint_frames
from nlf_blender.worker.motion.motion import PersonMotion
from nlf_blender.worker.motion.report import (
    QUALITY_KEYS,
    accelerations,
    person_report,
    quality,
    take_report,
)

COUNT, FPS = 20, 10.0
NOWHERE = np.full(COUNT, np.nan)
STANDING = np.ones((COUNT, 4), bool)


@pytest.fixture(scope="module")
def body() -> BodyData:
    return load_body_npz(OPEN_BODY)


@pytest.fixture
def still(body: BodyData) -> PersonMotion:
    """Somebody who stands on the floor and does not move."""
    rotations = np.tile(np.eye(3), (COUNT, body.joint_count, 1, 1))
    rotations[:, 0] = BLENDER_FROM_SMPL
    motion = PersonMotion(
        frame=np.arange(COUNT),
        time=np.arange(COUNT) / FPS,
        shot=np.zeros(COUNT, np.int64),
        rotations=rotations,
        root=np.zeros((COUNT, 3)),
        evidence=np.ones(COUNT, bool),
        turn_sigma=np.full((COUNT, body.joint_count), 0.05),
        place_sigma=np.full(COUNT, 0.02),
        betas=np.zeros(10),
        scale=1.0,
    )
    points = foot_points(body, motion.betas, 1.0)
    assert points is not None
    lowest = points.places(*joint_frames(motion, body))[..., 2].min()
    return replace(motion, root=motion.root - np.array([0, 0, lowest]))


def test_a_slide_of_five_centimetres_a_second_is_five(still: PersonMotion, body: BodyData) -> None:
    way = np.outer(still.time, [0.03, 0.04, 0.0])
    found = quality(replace(still, root=still.root + way), STANDING, body, 0.0, NOWHERE)
    assert found["foot_slide_cm_s"] == pytest.approx(5.0)
    assert found["jitter_m_s2"] == pytest.approx(0.0, abs=1e-9)
    assert found["ground_penetration_mm"] == pytest.approx(0.0, abs=1e-6)
    assert found["reprojection_px"] is None
    assert quality(still, ~STANDING, body, 0.0, NOWHERE)["foot_slide_cm_s"] is None


def test_acceleration_penetration_and_pixels(still: PersonMotion, body: BodyData) -> None:
    falling = replace(still, root=still.root - np.outer(still.time**2, [0, 0, 1.5]))
    pixels = np.where(np.arange(COUNT) == 3, 9.0, np.where(np.arange(COUNT) < 6, 2.0, np.nan))
    found = quality(falling, STANDING, body, 0.0, pixels)
    assert found["jitter_m_s2"] == pytest.approx(3.0)
    depths = 1500 * still.time**2
    assert found["ground_penetration_mm"] == pytest.approx(depths.mean())
    assert found["ground_penetration_worst_mm"] == pytest.approx(depths.max())
    assert found["reprojection_px"] == pytest.approx((5 * 2 + 9) / 6)
    assert found["reprojection_median_px"] == 2.0
    assert quality(falling, STANDING, body, None, pixels)["ground_penetration_mm"] is None


def test_frames_of_unequal_length_and_cuts(still: PersonMotion, body: BodyData) -> None:
    time = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.1, COUNT))
    uneven = replace(still, time=time, root=still.root + np.outer(time**2, [2.0, 0, 0]))
    positions = joint_frames(uneven, body)[1]
    assert accelerations(positions, uneven) == pytest.approx(4.0)
    jump = np.where(np.arange(COUNT) < 8, 0.0, 5.0)
    cut = replace(
        still,
        shot=(np.arange(COUNT) >= 8).astype(np.int64),
        root=still.root + np.outer(jump, [1.0, 0, 0]),
    )
    found = quality(cut, STANDING, body, 0.0, NOWHERE)
    assert found["jitter_m_s2"] == pytest.approx(0.0, abs=1e-9)
    assert found["foot_slide_cm_s"] == pytest.approx(0.0, abs=1e-9)


def test_before_is_judged_by_the_contacts_of_after(still: PersonMotion, body: BodyData) -> None:
    contacts = STANDING.copy()
    contacts[10:] = False
    speed = np.where(np.arange(COUNT) < 10, 0.02, 1.0)
    sliding = replace(still, root=still.root + np.outer(np.cumsum(speed / FPS), [1.0, 0, 0]))
    kept = np.arange(COUNT) != 15
    fixed = ("betas", "scale")
    before = PersonMotion(**{n: v if n in fixed else v[kept] for n, v in vars(sliding).items()})
    unseen = replace(still, evidence=np.arange(COUNT) != 15)
    part = person_report(before, unseen, contacts, body, 0.0, NOWHERE[kept], NOWHERE)
    assert part["frames"] == COUNT and part["frames_without_evidence"] == 1
    assert part["before"]["foot_slide_cm_s"] == pytest.approx(2.0)  # type: ignore[index]
    assert part["after"]["foot_slide_cm_s"] == pytest.approx(0.0, abs=1e-9)  # type: ignore[index]


def test_a_take_is_the_mean_of_its_people(still: PersonMotion, body: BodyData) -> None:
    sunk = replace(still, root=still.root - np.array([0, 0, 0.01]))
    pixels = np.full(COUNT, 4.0)
    one = person_report(still, still, STANDING, body, 0.0, pixels, pixels)
    two = person_report(sunk, sunk, STANDING, body, 0.0, NOWHERE, NOWHERE)
    report = take_report({3: one, 12: {**two, "frames": 3 * COUNT}})
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    take, people = report["take"], report["people"]
    assert set(people) == {"3", "12"} and take["frames"] == 4 * COUNT  # type: ignore[arg-type, index]
    after = take["after"]  # type: ignore[index]
    assert set(after) == set(QUALITY_KEYS)
    assert after["ground_penetration_mm"] == pytest.approx(7.5)
    assert after["ground_penetration_worst_mm"] == pytest.approx(10.0)
    assert after["reprojection_px"] == 4.0
    empty = take_report({})["take"]
    assert empty["frames"] == 0 and empty["after"]["jitter_m_s2"] is None  # type: ignore[index]
