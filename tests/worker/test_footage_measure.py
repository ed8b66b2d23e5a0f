# SPDX-License-Identifier: GPL-3.0-or-later
"""The footage benchmark counts people who change names, and no glimpses of those who are hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rendered_clip import SMALL, Truth, truth_of

from nlf_blender.worker.motion.motion import PersonMotion
from tests.benchmarks.footage_measure import Found, mean_size, switches, who_is_who


@pytest.fixture(scope="module")
def truth() -> Truth:
    return truth_of(SMALL, "long lens")


def found(truth: Truth, motions: list[PersonMotion]) -> list[Found]:
    return [Found(n, m, np.zeros((len(m.frame), 4), bool)) for n, m in enumerate(motions)]


def test_who_is_hidden_while_crossing_keeps_the_name(truth: Truth) -> None:
    first, second = (walked.motion for walked in truth.walks)
    evidence = np.ones(len(first.frame), bool)
    evidence[38:48] = False
    seen = found(truth, [replace(first, evidence=evidence), second])
    answer = who_is_who(truth, seen, truth.world_from_camera)
    assert switches(answer) == 0
    assert (answer[0][evidence] == 0).all() and (answer[1] == 1).all()


def test_exchanged_names_are_counted(truth: Truth) -> None:
    first, second = (walked.motion for walked in truth.walks)
    late = np.arange(len(first.frame)) >= 42
    mixed = [
        replace(
            one,
            rotations=np.where(late[:, None, None, None], other.rotations, one.rotations),
            root=np.where(late[:, None], other.root, one.root),
        )
        for one, other in ((first, second), (second, first))
    ]
    assert switches(who_is_who(truth, found(truth, mixed), truth.world_from_camera)) == 2


def test_size_is_told(truth: Truth) -> None:
    eye = truth.world_from_camera[:3, 3]
    motions = [
        replace(walked.motion, root=eye + 0.97 * (walked.motion.root - eye))
        for walked in truth.walks
    ]
    seen = found(truth, motions)
    answer = who_is_who(truth, seen, truth.world_from_camera)
    size = mean_size(truth, seen, answer, truth.world_from_camera)
    assert size == pytest.approx(0.97, abs=0.002)
