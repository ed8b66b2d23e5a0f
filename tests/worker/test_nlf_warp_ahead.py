# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops warped ahead in threads: the right ones, few at a time, failures and endings heard of."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from nlf_blender.worker.nlf.network_time import NetworkTime
from nlf_blender.worker.nlf.warp_ahead import WarpAhead

SIDE = 4
CPU = torch.device("cpu")


@dataclass(eq=False)
class CountedCrop:
    """Stands in for a planned crop: its pixels are its number; it notes who warped it."""

    number: int
    warped: list[int] = field(default_factory=list)
    thread: int = 0
    broken: bool = False

    def pixels(self, crop_side: int) -> np.ndarray:
        if self.broken:
            raise ValueError(f"crop {self.number}")
        assert torch.is_inference_mode_enabled()
        self.warped.append(self.number)
        self.thread = threading.get_ident()
        return np.full((3, crop_side, crop_side), self.number, np.float32)


@pytest.fixture
def crops() -> list[CountedCrop]:
    warped: list[int] = []
    return [CountedCrop(number, warped) for number in range(40)]


def _settled(crops: list[CountedCrop]) -> int:
    """How many crops were warped, once no more are."""
    before = -1
    while before != len(crops[0].warped):
        before = len(crops[0].warped)
        time.sleep(0.05)
    return before


def test_batches_come_in_order_also_after_one_was_made_smaller(crops: list[CountedCrop]) -> None:
    with WarpAhead(crops, SIDE, CPU) as ahead:  # type: ignore[arg-type]
        for first, count in ((0, 8), (8, 8), (8, 4), (12, 4), (16, 20), (36, 4)):
            batch = ahead.batch(first, count)
            assert batch.shape == (count, 3, SIDE, SIDE) and batch.dtype == np.float32
            assert batch[:, 0, 0, 0].tolist() == list(range(first, first + count))
    assert sorted(crops[0].warped) == list(range(40))  # each once
    assert all(crop.thread != threading.get_ident() for crop in crops)


def test_crops_that_nobody_asks_for_are_passed_over(crops: list[CountedCrop]) -> None:
    with WarpAhead(crops, SIDE, CPU) as ahead:  # type: ignore[arg-type]
        for first in (8, 20, 39):
            assert ahead.batch(first, 1)[0, 0, 0, 0] == first
    assert min(crops[0].warped) == 8


def test_the_next_batch_is_warped_meanwhile_and_no_more(crops: list[CountedCrop]) -> None:
    with WarpAhead(crops, SIDE, CPU) as ahead:  # type: ignore[arg-type]
        for first in (0, 6, 12):
            ahead.batch(first, 6)
            assert _settled(crops) == first + 12


def test_a_failure_is_raised_with_the_batch_that_it_belongs_to(crops: list[CountedCrop]) -> None:
    crops[9].broken = True
    with WarpAhead(crops, SIDE, CPU) as ahead:  # type: ignore[arg-type]
        ahead.batch(0, 8)
        with pytest.raises(ValueError, match="crop 9"):
            ahead.batch(8, 8)


def test_who_leaves_early_waits_for_no_more_than_is_at_work(crops: list[CountedCrop]) -> None:
    def slow(crop_side: int) -> np.ndarray:
        time.sleep(0.1)
        return np.zeros((3, crop_side, crop_side), np.float32)

    for crop in crops[1:]:
        crop.pixels = slow  # type: ignore[method-assign]
    with WarpAhead(crops, SIDE, CPU) as ahead:  # type: ignore[arg-type]
        ahead.batch(0, 1)
        began = time.perf_counter()
    assert time.perf_counter() - began < 1.0
    assert not [t for t in threading.enumerate() if t.name.startswith("warp")]


def test_time_in_networks_adds_up_also_if_one_fails() -> None:
    clock = NetworkTime("cpu")
    with clock.running():
        time.sleep(0.02)
    with pytest.raises(torch.OutOfMemoryError), clock.running():
        time.sleep(0.02)
        raise torch.OutOfMemoryError("no room")
    assert 0.04 <= clock.seconds < 1.0
    assert 0 <= clock.thread_seconds < 0.04  # it slept
