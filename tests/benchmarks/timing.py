# SPDX-License-Identifier: GPL-3.0-or-later
"""Times of two ways to do the same, taken in turns so that a busy machine slows both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

WARM_UPS = 3  # TorchScript measures in two runs and compiles in the third


class Pace(NamedTuple):
    """How long a comparison may take: rounds of both, at least some, then until time is up."""

    least_rounds: int = 3
    most_rounds: int = 50
    seconds: float = 4.0


class Times(NamedTuple):
    """Medians over the rounds: seconds of each, and of the ratio ours : peer in each round."""

    ours: float
    peer: float
    ratio: float


def take_turns(
    ours: Callable[[], Any], peer: Callable[[], Any], device: str, pace: Pace
) -> tuple[Times, Any, Any]:
    """Warm both up, then time them in turns. Returns the times and the result of each."""
    for _ in range(WARM_UPS):
        our_result, peer_result = ours(), peer()
    rounds: list[tuple[float, float]] = []
    end = time.perf_counter() + pace.seconds
    while len(rounds) < pace.most_rounds:
        if len(rounds) >= pace.least_rounds and time.perf_counter() > end:
            break
        rounds.append((seconds_of(ours, device), seconds_of(peer, device)))
    return Times(*_medians(rounds)), our_result, peer_result


def seconds_of(call: Callable[[], Any], device: str) -> float:
    """How long a call takes, to the end of its work on the device."""
    _synchronize(device)
    began = time.perf_counter()
    call()
    _synchronize(device)
    return time.perf_counter() - began


def _medians(rounds: list[tuple[float, float]]) -> tuple[float, float, float]:
    ours, peer = zip(*rounds, strict=True)
    ratios = [first / second for first, second in rounds]
    return statistics.median(ours), statistics.median(peer), statistics.median(ratios)


def _synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()
