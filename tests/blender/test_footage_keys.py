# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage time and merged keys, in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from nlf_blender.body.rotations import matrix_from_rotvec, quaternion_from_matrix
from nlf_blender.protocol.clip_rate import clip_rate, exact_rate, scene_rate
from nlf_blender.scene.footage.key_merge import Span, merge_keys
from nlf_blender.scene.footage.time_map import TimeMap, even_step, whole_samples

NO_KEYS = (np.zeros(0), np.zeros((0, 1)), np.zeros(0, dtype=bool))


@pytest.mark.parametrize(
    ("fps", "whole", "base"),
    [(25.0, 25, 1.0), (29.97, 30, 1.001), (23.976, 24, 1.001), (59.94006, 60, 1.001)],
)
def test_rates_are_those_that_are_meant(fps: float, whole: int, base: float) -> None:
    rate = exact_rate(fps)
    assert rate == whole / base
    found = scene_rate(rate)
    assert found[0] == whole and abs(found[1] - base) < 1e-12


def test_a_rate_of_its_own_stays() -> None:
    assert exact_rate(17.3) == 17.3
    whole, base = scene_rate(17.3)
    assert abs(whole / base - 17.3) < 1e-12
    assert scene_rate(0.4)[0] == 1


def test_a_clip_with_dropped_frames_has_the_rate_of_its_grid() -> None:
    times = np.delete(np.arange(300) * 1.001 / 30, [7, 8, 90, 200, 201, 202])
    mean = (len(times) - 1) / times[-1]
    assert clip_rate(mean, times) == 30 / 1.001
    rounded = np.round(times, 3)
    assert clip_rate(mean, rounded) == 30 / 1.001
    assert clip_rate(None, times) == pytest.approx(30 / 1.001)
    many_lost = np.delete(np.arange(90), np.arange(3, 90, 4)) / 30  # the mean is no rate at all
    assert clip_rate(22.6, many_lost) == 30.0
    assert clip_rate(12.5, np.arange(40) * 2 / 25) == 12.5


def test_a_clip_without_a_grid_has_its_mean_rate() -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.09, 200))
    assert clip_rate(19.7, times) == 19.7


def test_times_rounded_to_milliseconds_are_whole_frames() -> None:
    times = np.round(np.arange(500) * 1.001 / 30, 3)
    frames = TimeMap(101, 0.0, 30 / 1.001, resample=False).frames(times)
    np.testing.assert_array_equal(frames, 101 + np.arange(500))


def test_uneven_times_stay_uneven_and_keep_their_order() -> None:
    times = np.array([2.0, 2.1, 2.101, 2.5, 2.71])
    frames = TimeMap(1, 2.0, 10.0, resample=False).frames(times)
    np.testing.assert_allclose(frames, [1.0, 2.0, 2.01, 6.0, 8.1])
    assert (np.diff(frames) > 0).all()
    assert even_step(frames) is None and even_step(np.array([3.0, 5.0, 7.0])) == 2.0


def test_times_and_frames_are_inverse() -> None:
    mapping = TimeMap(7, 1.5, 23.976, resample=True)
    np.testing.assert_allclose(mapping.frames(mapping.times(np.arange(9))), np.arange(9))


def test_resampled_values_lie_on_whole_frames() -> None:
    times = np.arange(10) / 24
    samples = TimeMap(1, 0.0, 60.0, resample=True).samples(times)
    assert samples.frames[0] == 1 and samples.frames[-1] == 1 + np.floor(9 / 24 * 60)
    np.testing.assert_allclose(samples.linear(times), (samples.frames - 1) / 60, atol=1e-12)
    turns = np.stack([np.zeros(10), np.zeros(10), 5 * times], axis=1)
    quaternions = quaternion_from_matrix(matrix_from_rotvec(turns))
    found = samples.turned(quaternions)
    angles = np.stack([np.zeros((len(found), 2)).T[0], np.zeros(len(found))], axis=1)
    expected = matrix_from_rotvec(np.concatenate([angles, 5 * samples.linear(times)[:, None]], 1))
    truth = quaternion_from_matrix(expected)
    np.testing.assert_allclose(np.abs(np.sum(found * truth, axis=1)), 1.0, atol=1e-12)


def test_a_moment_between_two_frames_gets_one_key() -> None:
    samples = whole_samples(np.array([10.2, 10.4]))
    np.testing.assert_array_equal(samples.frames, [10.0])
    assert whole_samples(np.array([10.6])).frames[0] == 11.0


def ramp(count: int, offset: float) -> tuple[np.ndarray, np.ndarray]:
    frames = np.arange(1.0, count + 1)
    return frames, (frames * 0.1 + offset)[:, None]


def test_seams_lead_over_without_a_jump() -> None:
    frames, old = ramp(100, 0.0)
    _, new = ramp(100, 2.0)
    outside = (frames < 30) | (frames > 60)
    kept = (frames[outside], old[outside], np.zeros(outside.sum(), dtype=bool))
    merged = merge_keys((frames, new), old, kept, Span(30, 60, 9), rotation=False)
    np.testing.assert_array_equal(merged.frames, np.arange(30, 61))
    extra = merged.values[:, 0] - old[29:60, 0]
    np.testing.assert_allclose(extra[9:-9], 2.0)
    assert 0 < extra[0] < 0.1 and 0 < extra[-1] < 0.1
    assert np.abs(np.diff(extra)).max() < 0.31


def test_a_span_that_is_open_at_an_end_has_no_seam_there() -> None:
    frames, old = ramp(50, 0.0)
    _, new = ramp(50, 2.0)
    merged = merge_keys((frames, new), old, NO_KEYS, Span(None, 20, 4), rotation=False)
    assert merged.values[0, 0] == new[0, 0] and merged.frames[-1] == 20


def test_rotations_merge_whatever_their_signs() -> None:
    frames = np.arange(1.0, 61.0)
    turns = np.stack([0.1 * frames, 0 * frames, 0 * frames], axis=1)
    old = quaternion_from_matrix(matrix_from_rotvec(turns))
    old[1:] *= np.cumprod(np.where(np.sum(old[1:] * old[:-1], axis=1) < 0, -1.0, 1.0))[:, None]
    new = -quaternion_from_matrix(matrix_from_rotvec(turns + np.array([0.0, 0.05, 0.0])))
    outside = (frames < 20) | (frames > 40)
    kept = (frames[outside], old[outside], np.zeros(outside.sum(), dtype=bool))
    merged = merge_keys((frames, new), old, kept, Span(20, 40, 5), rotation=True)
    np.testing.assert_allclose(np.linalg.norm(merged.values, axis=1), 1.0)
    signed = merged.signs[:, None] * kept[1]
    everything = np.concatenate([signed[:19], merged.values, signed[19:]])
    assert np.linalg.norm(np.diff(everything, axis=0), axis=1).max() < 0.08


def test_new_keys_go_through_the_hands() -> None:
    frames, old = ramp(40, 0.0)
    _, new = ramp(40, 1.0)
    hand = np.array([[9.0]])
    kept = (np.array([20.0]), hand, np.array([True]))
    merged = merge_keys((frames, new), old, kept, Span(None, None, 3), rotation=False)
    assert merged.values[19, 0] == pytest.approx(9.0)
    np.testing.assert_allclose(merged.values[:16], new[:16])
    np.testing.assert_allclose(merged.values[23:], new[23:])
    assert new[18, 0] < merged.values[18, 0] < 9.0


def test_two_hands_close_to_each_other_are_both_kept() -> None:
    frames, old = ramp(40, 0.0)
    kept = (np.array([20.0, 22.0]), np.array([[9.0], [4.0]]), np.array([True, True]))
    merged = merge_keys((frames, old), old, kept, Span(None, None, 5), rotation=False)
    np.testing.assert_allclose(merged.values[[19, 21], 0], [9.0, 4.0])
    assert 4.0 < merged.values[20, 0] < 9.0
