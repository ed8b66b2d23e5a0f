# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right: names, positions, and what a set of markers lacks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nlf_blender.body.sides import mirror_name, mirror_report, mirrored

PAIRS = [
    ("hand.L", "hand.R"),
    ("hand_l", "hand_r"),
    ("foot.l.001", "foot.r.001"),
    ("belt.L.0001", "belt.R.0001"),
    ("L_Hand", "R_Hand"),
    ("L.Knee.Medial", "R.Knee.Medial"),
    ("l_wrist", "r_wrist"),
    ("left_hand", "right_hand"),
    ("hand_left", "hand_right"),
    ("LEFT_HAND", "RIGHT_HAND"),
    ("Left Hand", "Right Hand"),
    ("LeftHand", "RightHand"),
    ("mixamorig:LeftArm", "mixamorig:RightArm"),
    ("BackLeft", "BackRight"),
    ("Left", "Right"),
    ("Anna.Left:L_Hand", "Anna.Left:R_Hand"),
]
BY_LETTER = [
    ("LASI", "RASI"),
    ("LKnee", "RKnee"),
    ("WaistLFront", "WaistRFront"),
    ("BackL", "BackR"),
    ("Anna:LASI", "Anna:RASI"),
    ("LRFT", "RRFT"),
]
WITHOUT = ["C7", "T10", "RING", "Leftover", "Righteous", "pelvis", "left", "bright", "L", "Lup", ""]


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_a_name_that_spells_its_side_has_a_counterpart(left: str, right: str) -> None:
    assert mirror_name(left) == right and mirror_name(right) == left


@pytest.mark.parametrize(("left", "right"), BY_LETTER)
def test_a_letter_is_a_side_where_the_counterpart_is_known(left: str, right: str) -> None:
    assert mirror_name(left) is None and mirror_name(right, {"C7", right}) is None
    known = {"C7", left, right}
    assert mirror_name(left, known) == right and mirror_name(right, known) == left


@pytest.mark.parametrize("name", WITHOUT)
def test_a_name_without_a_side_has_none(name: str) -> None:
    assert mirror_name(name, set(WITHOUT) | {"lup"}) is None


def test_two_possible_counterparts_are_none() -> None:
    assert mirror_name("LToeL", {"LToeL", "RToeL", "LToeR"}) is None
    assert mirror_name("RToeL", {"LToeL", "RToeL", "LToeR", "RToeR"}) is None


def test_the_counterpart_of_the_counterpart_is_the_name() -> None:
    pieces = ["L", "R", "l", "_", ".", ":", "Left", "right", "Toe", "x", "7", " ", "-"]
    names = {"".join(parts) for n in (1, 2, 3) for parts in itertools.product(pieces, repeat=n)}
    mirrored_names = 0
    for name in names:
        other = mirror_name(name, names)
        if other is not None:
            mirrored_names += 1
            assert other != name and mirror_name(other, names) == name, name
    assert mirrored_names > 500


def test_mirrored_positions() -> None:
    points = np.random.default_rng(0).normal(size=(4, 5, 3))
    images = mirrored(points)
    np.testing.assert_array_equal(images, points * [-1, 1, 1])
    np.testing.assert_array_equal(mirrored(images), points)
    assert not np.signbit(mirrored(np.zeros((1, 3)))).any()


def test_what_a_set_lacks_is_told() -> None:
    left = np.array([0.2, 1.0, 0.1])
    table = {
        "LASI": left,
        "RASI": mirrored(left),
        "hand.L": left,
        "hand.R": mirrored(left) + np.array([0, 0.003, 0.004]),
        "L_Foot": left,
        "RBAK": -left,
        "C7": left * [0, 1, 1],
        "T10": left,
    }
    points = np.array(list(table.values()))
    report = mirror_report(list(table), points)
    assert report.lonely == ("L_Foot", "RBAK", "T10")
    (pair,) = report.off
    assert (pair.name, pair.other) == ("hand.L", "hand.R")
    assert pair.distance == pytest.approx(0.005)
    assert mirror_report(list(table), points, tolerance=0.0051).off == ()
    assert mirror_report([], np.zeros((0, 3))) == ((), ())


def test_a_mirrored_set_lacks_nothing_whatever_its_positions() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        left = random.normal(size=(len(PAIRS), 3))
        names = [name for pair in PAIRS for name in pair]
        points = np.stack([left, mirrored(left)], axis=1).reshape(-1, 3)
        assert mirror_report(names, points) == ((), ())
        order = random.permutation(len(names))
        assert mirror_report([names[i] for i in order], points[order]) == ((), ())
