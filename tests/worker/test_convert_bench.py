# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark of conversion measures what it says, and its rival is no straw man."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from benchmarks import convert_bench
from benchmarks.convert_bench import Ours, Rival, Side, measure, table_of
from benchmarks.convert_rival import EdgeOptimiser
from benchmarks.sampling import Solution, draw_people
from conversion_examples import second_pair


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    """As in the benchmark."""
    with torch.no_grad():
        yield


def test_a_row_for_each_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert_bench, "TIMED_FRAMES", 2)
    pair = second_pair()
    sides = Side("open", pair.model, pair.back), Side("second", pair.other, pair.there)
    motion = draw_people(pair.model, 1, 5).truth
    ours, rival = rows = [measure(way, motion, *sides) for way in (Ours(3), Rival(2))]
    assert ours["vertex_mm"] < 6 and ours["round_trip_mm"] < 6
    assert rival["vertex_mm"] > 10, "two steps are not enough"
    assert 0 < ours["ms"] < rival["ms"]
    assert ours["case"] == rival["case"] == "open to second"
    assert table_of(rows).count("\n") == 3


def test_the_rival_finds_a_body_that_it_can_be() -> None:
    model = second_pair().other
    people = draw_people(model, 1, 6)
    truth = Solution(0.3 * people.truth.pose, *people.truth[1:])
    vertices = model(*truth).vertices
    confidence = torch.ones(len(model.v_template))
    root = torch.zeros(1, 3)
    found = [EdgeOptimiser(model, confidence, steps, 10).fit(vertices, root) for steps in (3, 60)]
    errors = [
        1000 * (model(*item).vertices - vertices).norm(dim=-1).mean().item() for item in found
    ]
    assert errors[1] < 5 and errors[0] > 8 * errors[1]
