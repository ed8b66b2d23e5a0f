# SPDX-License-Identifier: GPL-3.0-or-later
"""Test-time augmentation: the variations, and the median that makes one result of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from nlf_blender.worker.nlf.augmentation import (
    combine,
    common_scale,
    crop_variations,
    geometric_median,
)
from nlf_blender.worker.nlf.crops import Augmentation


def test_one_variation_changes_nothing() -> None:
    (only,) = crop_variations(1, (0.6, 1.0))
    assert (only.roll, only.scale, only.flip) == (0.0, 1.0, False)
    assert only.gamma == pytest.approx(0.8)


def test_five_variations_are_the_official_ones() -> None:
    variations = crop_variations(5, (0.6, 1.0))
    assert [v.scale for v in variations] == pytest.approx([0.8, 0.9, 1.0, 1.05, 1.1])
    assert [v.flip for v in variations] == [False, True, False, True, False]
    assert [v.gamma for v in variations] == pytest.approx([0.6, 0.7, 0.8, 0.9, 1.0])
    degrees = np.degrees([v.roll for v in variations])
    assert degrees == pytest.approx([-25.0, -12.5, 0.0, 12.5, 25.0])


@pytest.mark.parametrize("count", range(1, 12))
def test_the_middle_variation_is_not_flipped(count: int) -> None:
    variations = crop_variations(count, (1.0, 1.0))
    assert len(variations) == count
    assert not variations[count // 2].flip
    assert variations[count // 2].scale == pytest.approx(1.0)
    pairs = itertools.pairwise(variations)
    assert all(before.flip != after.flip for before, after in pairs)


def test_no_variation_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        crop_variations(0, (1.0, 1.0))


def _samples() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(4)
    points = torch.randn(1, 7, 12, 3, generator=random, dtype=torch.float64) * 0.1
    weights = torch.rand(1, 7, 12, generator=random, dtype=torch.float64) + 0.2
    return points, weights


@pytest.mark.parametrize("softening", [1e-9, 0.05])
def test_the_median_is_the_optimum_that_scipy_finds(softening: float) -> None:
    """Softened distances minimise sum w (d - s log(1 + d / s)), which is sum w d without."""
    points, weights = _samples()
    median, shares = geometric_median(points, weights, iterations=2000, softening=softening)
    assert torch.allclose(shares.sum(dim=1), torch.ones(1, 12, dtype=torch.float64))
    for index in range(12):
        samples, sample_weights = points[0, :, index].numpy(), weights[0, :, index].numpy()

        def cost(place: np.ndarray, samples=samples, sample_weights=sample_weights) -> float:
            distance = np.linalg.norm(samples - place, axis=1)
            softened = distance - softening * np.log1p(distance / softening)
            return float((sample_weights * softened).sum())

        best = minimize(cost, samples.mean(axis=0), method="Nelder-Mead",
                        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000})  # fmt: skip
        assert cost(median[0, index].numpy()) <= best.fun * (1 + 1e-6)
        assert np.abs(median[0, index].numpy() - best.x).max() < 1e-4


def test_one_wild_variation_does_little() -> None:
    random = torch.Generator().manual_seed(8)
    truth = torch.randn(2, 40, 3, generator=random) + torch.tensor([0.0, 0.0, 4.0])
    variations = truth[:, None] + 0.005 * torch.randn(2, 5, 40, 3, generator=random)
    variations[:, 1, :10] += 0.5
    points, _ = combine(variations, torch.full((2, 5, 40), 0.1))
    mean_error = (variations.mean(dim=1) - truth).norm(dim=-1)[:, :10].mean()
    error = (points - truth).norm(dim=-1)[:, :10].mean()
    assert error < 0.35 * mean_error


def test_certain_variations_count_more() -> None:
    points = torch.zeros(1, 2, 1, 3)
    points[..., 2] = 3.0
    points[0, 1, 0, 0] = 0.01
    merged, uncertainty = combine(points, torch.tensor([[[0.02], [0.32]]]))
    assert merged[0, 0, 0] < 0.001
    assert 0.02 <= uncertainty[0, 0] < 0.03


def test_distance_is_settled_before_points_are_compared() -> None:
    random = torch.Generator().manual_seed(2)
    body = 0.4 * torch.randn(1, 1, 50, 3, generator=random) + torch.tensor([0.3, 0.0, 5.0])
    scales = torch.tensor([0.9, 1.0, 1.1])[None, :, None, None]
    scaled = body * scales
    aligned = scaled * common_scale(scaled)
    assert torch.allclose(aligned[:, 0], aligned[:, 2], atol=1e-5)
    assert torch.allclose(aligned[:, 0], body[:, 0] * (3.02 / 3) ** 0.5, atol=1e-4)


def test_equal_variations_come_through_unchanged() -> None:
    body = torch.randn(3, 1, 20, 3, generator=torch.Generator().manual_seed(1)) + 4.0
    uncertainty = torch.rand(3, 1, 20) + 0.05
    points, spread = combine(body.repeat(1, 4, 1, 1), uncertainty.repeat(1, 4, 1))
    assert torch.allclose(points, body[:, 0], atol=1e-5)
    assert torch.allclose(spread, uncertainty[:, 0], atol=1e-6)
    alone, alone_spread = combine(body, uncertainty)
    assert torch.equal(alone, body[:, 0])
    assert torch.equal(alone_spread, uncertainty[:, 0])


def test_variations_of_an_upright_crop_are_mirrored_pairs_that_turn_little() -> None:
    assert crop_variations(1, (0.9, 1.1), aligned=True) == [Augmentation(gamma=1.0)]
    pair = crop_variations(2, (1.0, 1.0), aligned=True)
    assert [(item.roll, item.scale, item.flip) for item in pair] == [
        (0.0, 1.0, False),
        (0.0, 1.0, True),
    ]
    many = crop_variations(9, (1.0, 1.0), aligned=True)
    assert [item.flip for item in many] == [i % 2 == 1 for i in range(9)]
    assert max(abs(item.roll) for item in many) < 0.1
    assert sum(item.roll for item in many[:6]) == 0.0
