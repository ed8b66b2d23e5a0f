# SPDX-License-Identifier: GPL-3.0-or-later
"""Times of two ways to do the same, taken in turns so that a busy machine slows both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence, Sized
from typing import NamedTuple, TypeVar

import torch

T = TypeVar("T", bound=Sized)
R = TypeVar("R")

WARM_UPS = 3  # TorchScript measures in two runs and compiles in the third


class Pace(NamedTuple):
    """How long a comparison may take: rounds of both, at least some, then until time is up."""

    least_rounds: int = 3
    most_rounds: int = 50
    seconds: float = 4.0


class Times(NamedTuple):
    """Medians over the rounds: seconds per item of each, and the ratio ours : peer in a round."""

    ours: float
    peer: float
    ratio: float


def take_turns(
    ours: Callable[[T], R], peer: Callable[[T], R], batches: Sequence[T], device: str, pace: Pace
) -> tuple[Times, list[R], list[R]]:
    """Warm both up, then time them in turns, a batch in each round, every batch at least once.

    Returns the times and what each made of every batch.
    """
    for _ in range(WARM_UPS):
        ours(batches[0]), peer(batches[0])
    rounds: list[tuple[float, float]] = []
    our_results: list[R] = []
    peer_results: list[R] = []
    end = time.perf_counter() + pace.seconds
    while len(rounds) < max(pace.most_rounds, len(batches)):
        if len(rounds) >= max(pace.least_rounds, len(batches)) and time.perf_counter() > end:
            break
        batch = batches[len(rounds) % len(batches)]
        our_seconds, our_result = seconds_of(ours, batch, device)
        peer_seconds, peer_result = seconds_of(peer, batch, device)
        rounds.append((our_seconds / len(batch), peer_seconds / len(batch)))
        our_results.append(our_result)
        peer_results.append(peer_result)
    count = len(batches)
    return Times(*_medians(rounds)), our_results[:count], peer_results[:count]


def seconds_of(call: Callable[[T], R], batch: T, device: str) -> tuple[float, R]:
    """How long a call takes, to the end of its work on the device, and what it returns."""
    _synchronize(device)
    began = time.perf_counter()
    result = call(batch)
    _synchronize(device)
    return time.perf_counter() - began, result


def _medians(rounds: list[tuple[float, float]]) -> tuple[float, float, float]:
    ours, peer = zip(*rounds, strict=True)
    ratios = [first / second for first, second in rounds]
    return statistics.median(ours), statistics.median(peer), statistics.median(ratios)


def _synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()
