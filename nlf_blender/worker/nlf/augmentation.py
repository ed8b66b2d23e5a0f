# SPDX-License-Identifier: GPL-3.0-or-later
"""Test-time augmentation: which variations of a crop are localized, and how they become one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .crops import Augmentation

ROLL_RANGE = math.radians(25.0)
SMALLEST_SCALE, LARGEST_SCALE = 0.8, 1.1
ALIGNED_ROLL = math.radians(5.0)  # models that were trained on upright people err on turned ones
UNCERTAINTY_POWER = -1.5
MEDIAN_ITERATIONS = 10
MEDIAN_SOFTENING_M = 0.05


def crop_variations(
    count: int,
    gamma_range: tuple[float, float],
    aligned: bool = False,
    largest_roll: float | None = None,
) -> list[Augmentation]:
    """`count` variations, among them the unturned, unflipped and unscaled crop; alone for one.

    gamma_range: the exponents of the first and the last one; a single one takes the mean.
    aligned: the model's crops are turned upright: pairs of a crop and its mirror image, the first
    pair unturned, the others turned a little. Otherwise as in the official release, with the
    plain crop in the middle. largest_roll: how far crops are turned at most, radians; by default
    5 degrees for aligned models, else 25.
    """
    if largest_roll is None:
        largest_roll = ALIGNED_ROLL if aligned else ROLL_RANGE
    if count < 1:
        raise ValueError("at least one variation is needed")
    if aligned:
        gammas = _steps(*gamma_range, count) if count > 1 else [sum(gamma_range) / 2]
        return [
            Augmentation(_aligned_roll(i // 2, largest_roll), 1.0, i % 2 == 1, gammas[i])
            for i in range(count)
        ]
    if count == 1:
        return [Augmentation(gamma=sum(gamma_range) / 2)]
    half = count // 2
    rolls = _steps(-largest_roll, largest_roll, count)
    gammas = _steps(*gamma_range, count)
    last_smaller = 1.0 - (1.0 - torch.tensor(SMALLEST_SCALE)) / half
    smaller = _steps(SMALLEST_SCALE, float(last_smaller), half)
    scales = smaller + _steps(1.0, LARGEST_SCALE, count - half)
    return [Augmentation(rolls[i], scales[i], (i - half) % 2 != 0, gammas[i]) for i in range(count)]


def _steps(first: float, last: float, count: int) -> list[float]:
    """Evenly spaced numbers, rounded as the official wrapper's."""
    return torch.linspace(first, last, count).tolist()


def _aligned_roll(pair: int, largest: float) -> float:
    """0 for the first pair, then ever smaller turns to either side, none larger than the first."""
    if pair == 0:
        return 0.0
    side = 1.0 if pair % 2 else -1.0
    return side * largest / ((pair + 1) // 2)


def combine(
    points: Tensor, uncertainty: Tensor, like: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Variations of P people as one: points [P,A,N,3] and uncertainty [P,A,N], metres.

    Returns points [P,N,3] and uncertainty [P,N]. Distances are the least certain part of a
    localization, so the variations are first brought to a common scale about the camera: their own,
    or that of other points of the same variations, `like` [P,A,M,3].
    """
    if points.shape[1] == 1:
        return points[:, 0], uncertainty[:, 0]
    weights = uncertainty.pow(UNCERTAINTY_POWER)
    aligned = points * common_scale(points if like is None else like)
    median, shares = geometric_median(aligned, weights)
    return median, (shares * uncertainty).sum(dim=1)


def common_scale(points: Tensor) -> Tensor:
    """Factors [P,A,1,1] that bring variations [P,A,N,3] to the same mean square distance from the
    camera."""
    square = points.square().mean(dim=(2, 3), keepdim=True)
    return (square.mean(dim=1, keepdim=True) / square).sqrt()


def geometric_median(
    points: Tensor,
    weights: Tensor,
    iterations: int = MEDIAN_ITERATIONS,
    softening: float = MEDIAN_SOFTENING_M,
) -> tuple[Tensor, Tensor]:
    """Weighted geometric median over A: points [P,A,N,3], weights [P,A,N] -> [P,N,3].

    Weiszfeld's iteration from the weighted mean. softening: metres added to distances, so that no
    sample takes all the weight. Also returns the share [P,A,N] of each sample, summing to one.
    """
    shares = weights / weights.sum(dim=1, keepdim=True)
    median = (points * shares[..., None]).sum(dim=1)
    for _ in range(iterations):
        distance = (points - median[:, None]).norm(dim=-1)
        pull = weights / (distance + softening)
        shares = pull / pull.sum(dim=1, keepdim=True)
        median = (points * shares[..., None]).sum(dim=1)
    return median, shares
