# SPDX-License-Identifier: GPL-3.0-or-later
"""Wild frames, exchanged limbs and gaps."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.worker.motion.clean_up import clean_up
from nlf_blender.worker.motion.flips import repair_flips
from nlf_blender.worker.motion.gaps import fill_gaps
from nlf_blender.worker.motion.ground import World
from nlf_blender.worker.motion.motion import PersonMotion
from nlf_blender.worker.motion.outliers import reject_outliers
from nlf_blender.worker.motion.turns import angle_between
from tests.body_examples import OPEN_BODY, small_body
from tests.worker.motion_examples import FPS, walking, with_noise

MIRROR = np.diag([-1.0, 1.0, 1.0])
VIEW = np.array([0.0, 1.0, 0.0])


@pytest.fixture(scope="module")
def body() -> BodyData:
    return load_body_npz(OPEN_BODY)


def test_a_wild_frame_gives_way_to_its_neighbours() -> None:
    truth = walking()
    noisy = with_noise(truth, 2.0)
    rotations, root = noisy.rotations.copy(), noisy.root.copy()
    rotations[50, 18] = rotations[50, 18] @ matrix_from_rotvec(np.array([0.0, np.pi / 2, 0.0]))
    rotations[90:92, 4] = rotations[90:92, 4] @ matrix_from_rotvec(np.array([1.5, 0.0, 0.0]))
    root[70] += [0.0, 1.0, 0.0]
    clean = reject_outliers(replace(noisy, rotations=rotations, root=root))
    assert angle_between(clean.rotations[50, 18], truth.rotations[50, 18]) < 0.2
    assert angle_between(clean.rotations[90:92, 4], truth.rotations[90:92, 4]).max() < 0.25
    assert np.linalg.norm(clean.root[70] - truth.root[70]) < 0.1
    assert clean.turn_sigma[50, 18] > 1.0 and clean.place_sigma[70] > 0.5
    # and nothing else is touched
    untouched = np.ones(noisy.turn_sigma.shape, dtype=bool)
    untouched[50, 18] = untouched[90:92, 4] = False
    assert np.array_equal(clean.rotations[untouched], noisy.rotations[untouched])
    assert np.array_equal(clean.turn_sigma[untouched], noisy.turn_sigma[untouched])


def test_a_sudden_change_that_lasts_is_no_outlier() -> None:
    truth = with_noise(walking(), 1.0)
    rotations = truth.rotations.copy()
    rotations[60:, 18] = rotations[60:, 18] @ matrix_from_rotvec(np.array([0.0, 1.5, 0.0]))
    stepped = replace(truth, rotations=rotations)
    assert np.array_equal(reject_outliers(stepped).rotations, rotations)


def test_three_wild_frames_in_a_row_are_left_to_the_smoothing() -> None:
    motion = with_noise(walking(), 1.0)
    rotations = motion.rotations.copy()
    rotations[60:63, 18] = rotations[60:63, 18] @ matrix_from_rotvec(1.5 * np.eye(3))
    wild = replace(motion, rotations=rotations)
    assert np.array_equal(reject_outliers(wild).rotations, rotations)


def test_wild_frames_are_not_judged_across_cuts() -> None:
    motion = with_noise(walking(), 1.0)
    rotations = motion.rotations.copy()
    rotations[80:81, 18] = rotations[80:81, 18] @ matrix_from_rotvec(np.array([0.0, 1.5, 0.0]))
    shot = (np.arange(150) >= 80).astype(np.int64) + (np.arange(150) >= 81)
    cut = replace(motion, rotations=rotations, shot=shot)
    assert np.array_equal(reject_outliers(cut).rotations, rotations)


def with_legs_exchanged(motion: PersonMotion, frames: slice) -> PersonMotion:
    rotations = motion.rotations.copy()
    left, right = [1, 4, 7, 10], [2, 5, 8, 11]
    rotations[frames, left + right] = motion.rotations[frames, right + left]
    return replace(motion, rotations=rotations)


def with_arms_exchanged(motion: PersonMotion, frames: slice) -> PersonMotion:
    """Each arm points where the other did, from its own shoulder."""
    rotations = motion.rotations.copy()
    half = np.diag([-1.0, 1.0, -1.0])
    left, right = [13, 16, 18, 20, 22], [14, 17, 19, 21, 23]
    for mine, other in zip(left + right, right + left, strict=True):
        turned = motion.rotations[frames, other]
        first = mine in (13, 14)
        rotations[frames, mine] = turned @ half if first else half @ turned @ half
    return replace(motion, rotations=rotations)


def mirrored_in_depth(motion: PersonMotion, frames: slice) -> PersonMotion:
    rotations = motion.rotations.copy()
    pairs = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
    mirrored = MIRROR @ motion.rotations[frames][:, pairs] @ MIRROR
    depth = np.eye(3) - 2 * np.outer(VIEW, VIEW)
    mirrored[:, 0] = depth @ motion.rotations[frames, 0] @ MIRROR
    rotations[frames] = mirrored
    return replace(motion, rotations=rotations)


@pytest.mark.parametrize("length", [1, 4, 30])
@pytest.mark.parametrize("how", [with_legs_exchanged, with_arms_exchanged, mirrored_in_depth])
def test_flips_are_turned_back(how, length: int, body: BodyData) -> None:
    noisy = with_noise(walking(), 2.0)
    frames = slice(52, 52 + length)
    flipped = how(noisy, frames)
    assert angle_between(flipped.rotations[frames], noisy.rotations[frames]).max() > 0.7
    clean, repaired = repair_flips(flipped, body, np.tile(VIEW, (150, 1)))
    assert np.flatnonzero(repaired).tolist() == list(range(150))[frames]
    assert angle_between(clean.rotations, noisy.rotations).max() < 1e-5


def test_what_was_localized_in_flipped_frames_tells_nothing_of_the_mesh(body: BodyData) -> None:
    seen = with_legs_exchanged(with_noise(walking(), 2.0), slice(52, 56))
    rows = SimpleNamespace(frames=seen.frame, times=seen.time, shots=seen.shot)
    behind = np.eye(4)
    behind[:3, 3] = seen.root[0] - 100.0 * VIEW
    world = World(behind, "", None, np.ones(1))
    clean = clean_up(seen, rows, world, body, SolveSettings(smoothing=0.0, hold_feet=False))
    assert np.flatnonzero(~clean.usable).tolist() == list(range(52, 56))


def test_people_who_did_not_flip_stay_as_they_are(body: BodyData) -> None:
    noisy = with_noise(walking(), 5.0)
    clean, repaired = repair_flips(noisy, body, np.tile(VIEW, (150, 1)))
    assert not repaired.any()
    assert np.array_equal(clean.rotations, noisy.rotations)


def test_a_skeleton_of_other_names_is_left_alone() -> None:
    noisy = with_noise(walking(20), 5.0)
    assert repair_flips(noisy, small_body(), np.tile(VIEW, (20, 1)))[0] is noisy


def without(motion: PersonMotion, hidden: slice) -> PersonMotion:
    """The sightings that are left."""
    seen = np.ones(len(motion.frame), dtype=bool)
    seen[hidden] = False
    names = ("frame", "time", "shot", "rotations", "root", "evidence", "turn_sigma", "place_sigma")
    return replace(motion, **{name: getattr(motion, name)[seen] for name in names})


def test_gaps_are_filled_as_the_body_moves() -> None:
    truth = walking()
    seen = without(truth, slice(60, 66))
    filled = fill_gaps(seen, truth.frame, truth.time, truth.shot)
    assert np.array_equal(filled.frame, truth.frame)
    assert np.flatnonzero(~filled.evidence).tolist() == list(range(60, 66))
    assert angle_between(filled.rotations, truth.rotations).max() < 0.1
    assert np.linalg.norm(filled.root - truth.root, axis=1).max() < 0.03
    kept = filled.evidence
    assert np.array_equal(filled.rotations[kept], seen.rotations)
    middle = filled.turn_sigma[62:64].min()
    assert middle > filled.turn_sigma[60].max() > truth.turn_sigma.max()
    assert filled.place_sigma[63] > filled.place_sigma[60] > 0.02


def test_long_gaps_do_not_overshoot() -> None:
    truth = walking()
    seen = without(truth, slice(40, 110))
    filled = fill_gaps(seen, truth.frame, truth.time, truth.shot)
    low, high = truth.root.min(axis=0) - 0.1, truth.root.max(axis=0) + 0.1
    assert (filled.root >= low).all() and (filled.root <= high).all()
    assert angle_between(filled.rotations[40:110, 0], truth.rotations[40:110, 0]).max() < 0.8


def test_nothing_moves_over_a_cut() -> None:
    truth = walking()
    shot = (np.arange(150) >= 63).astype(np.int64)
    seen = without(replace(truth, shot=shot), slice(60, 66))
    filled = fill_gaps(seen, truth.frame, truth.time, shot)
    assert np.allclose(filled.root[60:63], truth.root[59])
    assert np.allclose(filled.root[63:66], truth.root[66])


def test_only_frames_from_first_to_last_sighting() -> None:
    truth = walking()
    names = ("frame", "time", "shot", "rotations", "root", "evidence", "turn_sigma", "place_sigma")
    part = replace(truth, **{name: getattr(truth, name)[20:30] for name in names})
    filled = fill_gaps(part, truth.frame, truth.time, truth.shot)
    assert filled.frame.tolist() == list(range(20, 30)) and filled.evidence.all()
    assert filled.time[0] == pytest.approx(20 / FPS)
