# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing takes noise away, and neither time nor motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nlf_blender.body.rotations import matrix_from_rotvec, rotvec_from_matrix
from nlf_blender.worker.motion.smoother import Smoother
from nlf_blender.worker.motion.smoothing import cutoff_of, smooth_motion
from nlf_blender.worker.motion.turns import angle_between, nearest_rotations
from tests.worker.motion_examples import FPS, acceleration, joints, walking, with_noise


def mean_error(motion, truth) -> float:
    return float(np.linalg.norm(joints(motion) - joints(truth), axis=-1).mean())


def acceleration_error(motion, truth) -> float:
    wrong = acceleration(motion) - acceleration(truth)
    return float(np.linalg.norm(wrong, axis=-1).mean())


def test_strength_0_leaves_the_data_alone() -> None:
    noisy = with_noise(walking(40))
    same = smooth_motion(noisy, 0.0)
    assert np.array_equal(same.rotations, noisy.rotations)
    assert np.array_equal(same.root, noisy.root)


@pytest.mark.parametrize(("degrees", "frames"), [(2.0, 1), (2.0, 3), (4.0, 3)])
def test_noise_goes(degrees: float, frames: int) -> None:
    truth = walking()
    noisy = with_noise(truth, degrees, frames)
    smooth = smooth_motion(noisy, 0.5)
    assert acceleration_error(smooth, truth) < 0.4 * acceleration_error(noisy, truth)
    assert mean_error(smooth, truth) < 0.9 * mean_error(noisy, truth)


def test_motion_without_noise_keeps_its_shape() -> None:
    truth = walking()
    assert mean_error(smooth_motion(truth, 0.5), truth) < 0.002
    assert mean_error(smooth_motion(truth, 1.0), truth) < 0.03


def test_it_does_not_lag() -> None:
    truth = walking()
    smooth = smooth_motion(with_noise(truth), 0.7)
    apart = [mean_error_at(smooth, truth, shift) for shift in range(-4, 5)]
    assert int(np.argmin(apart)) == 4
    # the same backwards
    noisy = with_noise(truth)
    back = replace(noisy, rotations=noisy.rotations[::-1], root=noisy.root[::-1])
    turned = smooth_motion(back, 0.7)
    assert np.allclose(turned.root[::-1], smooth_motion(noisy, 0.7).root, atol=1e-9)
    assert np.allclose(turned.rotations[::-1], smooth_motion(noisy, 0.7).rotations, atol=1e-6)


def mean_error_at(motion, truth, shift: int) -> float:
    inner = slice(10, -10)
    moved = np.roll(joints(truth), shift, axis=0)
    return float(np.linalg.norm(joints(motion)[inner] - moved[inner], axis=-1).mean())


def test_cuts_are_not_smoothed_across() -> None:
    first, second = with_noise(walking(60)), with_noise(walking(60), seed=2)
    second = replace(second, root=second.root + np.array([5.0, 0.0, 0.0]))
    both = replace(
        first,
        **{
            name: np.concatenate([getattr(first, name), getattr(second, name)])
            for name in ("rotations", "root", "evidence", "turn_sigma", "place_sigma")
        },
        frame=np.arange(120),
        time=np.arange(120) / FPS,
        shot=np.repeat([0, 1], 60),
    )
    smooth = smooth_motion(both, 0.8)
    alone = smooth_motion(first, 0.8)
    assert np.allclose(smooth.root[:60], alone.root)
    assert np.allclose(smooth.rotations[:60], alone.rotations)


def test_a_kick_keeps_its_height() -> None:
    truth = walking()
    swing = 1.5 * np.exp(-(((truth.time - 2.5) / 0.06) ** 2))
    kick = np.zeros((150, 3))
    kick[:, 0] = -swing
    rotations = truth.rotations.copy()
    rotations[:, 1] = rotations[:, 1] @ matrix_from_rotvec(kick)
    truth = replace(truth, rotations=rotations)
    smooth = smooth_motion(with_noise(truth, 2.0), 0.5)
    at = slice(65, 86)
    assert angle_between(smooth.rotations[at, 1], truth.rotations[at, 1]).max() < 0.15
    # which a filter of the same cut-off, that only filters, would cut down by more
    plain = Smoother(truth.time)
    penalty = np.full(147, plain.penalty(cutoff_of(0.5)))
    cut = plain.smooth(rotations[:, 1].reshape(-1, 9), np.ones(150), penalty)
    cut = nearest_rotations(cut.reshape(-1, 3, 3), rotations[:, 1])
    assert angle_between(cut[at], rotations[at, 1]).max() > 0.45


def test_uncertain_frames_follow_the_others() -> None:
    truth = walking()
    noisy = with_noise(truth, 1.0)
    rotations, sigma = noisy.rotations.copy(), noisy.turn_sigma.copy()
    rotations[60:63, 18] = rotations[60:63, 18] @ matrix_from_rotvec(np.array([0.0, 0.8, 0.0]))
    sigma[60:63, 18] = 1.0
    smooth = smooth_motion(replace(noisy, rotations=rotations, turn_sigma=sigma), 0.4)
    assert angle_between(smooth.rotations[60:63, 18], truth.rotations[60:63, 18]).max() < 0.1


def test_the_cutoff_is_where_waves_are_halved() -> None:
    time = np.arange(600) / 60.0
    smoother = Smoother(time)
    wave = np.sin(2 * np.pi * 3.0 * time)[:, None]
    penalty = np.full(597, smoother.penalty(3.0))
    smooth = smoother.smooth(wave, np.ones(600), penalty)
    inner = slice(150, 450)
    assert np.abs(smooth[inner]).max() == pytest.approx(0.5, abs=0.03)
    slow = np.sin(2 * np.pi * 1.0 * time)[:, None]
    assert np.allclose(smoother.smooth(slow, np.ones(600), penalty)[inner], slow[inner], atol=0.01)


def test_uneven_times_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(3)
    time = np.cumsum(rng.choice([1 / 60, 1 / 30, 1 / 15], 300))
    smoother = Smoother(time)
    line = (2.0 + 3.0 * time + 0.5 * time**2)[:, None]
    penalty = np.full(297, smoother.penalty(1.0))
    assert np.allclose(smoother.smooth(line, np.ones(300), penalty), line, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_few_frames(count: int) -> None:
    smooth = smooth_motion(with_noise(walking(count)), 0.9)
    assert np.isfinite(smooth.rotations).all() and np.isfinite(smooth.root).all()


def test_turns_past_half_a_turn_need_no_unwinding() -> None:
    truth = walking()
    spin = np.zeros((150, 3))
    spin[:, 1] = 2 * np.pi * 0.7 * truth.time
    rotations = truth.rotations.copy()
    rotations[:, 0] = rotations[:, 0] @ matrix_from_rotvec(spin)
    truth = replace(truth, rotations=rotations)
    smooth = smooth_motion(with_noise(truth, 2.0), 0.5)
    assert angle_between(smooth.rotations[:, 0], truth.rotations[:, 0]).max() < np.deg2rad(6)


def test_the_nearest_rotation_to_a_mean_is_in_the_middle() -> None:
    rng = np.random.default_rng(4)
    turns = matrix_from_rotvec(rng.normal(size=(50, 3)))
    half = matrix_from_rotvec(np.array([0.4, 0.0, 0.0]))
    middle = nearest_rotations((turns @ half + turns @ half.T) / 2, turns)
    assert np.allclose(rotvec_from_matrix(turns.transpose(0, 2, 1) @ middle), 0, atol=1e-9)


def test_distances_are_smoothed_more_also_from_a_camera_that_shakes() -> None:
    truth = walking()
    count = len(truth.time)
    random = np.random.default_rng(4)
    eyes = np.array([0.0, -6.0, 1.5]) + 0.1 * random.normal(size=(count, 3))
    ways = truth.root - eyes
    wrong = 1 + 0.02 * random.normal(size=(count, 1))
    seen = replace(truth, root=eyes + wrong * ways)
    known, unknown = smooth_motion(seen, 0.5, eyes), smooth_motion(seen, 0.5)

    def off(motion) -> tuple[float, float]:
        away = motion.root - truth.root
        return np.abs(away).mean(), np.abs(np.diff(away, 2, axis=0)).mean()

    assert all(np.array(off(known)) < 0.9 * np.array(off(unknown)))
    assert mean_error(smooth_motion(truth, 0.5, eyes), truth) < 0.003
