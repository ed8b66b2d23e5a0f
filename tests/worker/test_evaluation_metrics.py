# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from nlf_blender.worker.evaluation.metrics import (
    auc,
    bootstrap_interval,
    box_share,
    distances,
    mask_iou,
    mean_known,
    mpjpe,
    p_mpjpe,
    pck,
    pearson,
    scale_aligned,
    similarity_aligned,
    spearman,
)

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def people(seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(2, 30, 3, generator=random) * 0.3 + torch.tensor([0.0, 0.0, 4.0])


@pytest.mark.parametrize("device", DEVICES)
def test_mpjpe_is_about_the_root_and_of_the_known(device: str) -> None:
    target = torch.zeros(2, 4, 3, device=device)
    points = target + torch.tensor([1.0, 2.0, 3.0], device=device)  # moved as a whole: no error
    points[0, 2, 0] += 0.03
    points[1, 3, 1] += 0.08
    errors = mpjpe(points, target, [0, 1])
    assert errors.tolist() == pytest.approx([0.03 / 4, 0.08 / 4], abs=1e-6)
    target[1, 3] = float("nan")
    known = torch.isfinite(target).all(dim=-1)
    assert mpjpe(points, target, [0, 1], known)[1] == pytest.approx(0.0, abs=1e-6)


def test_the_root_is_the_mean_of_the_hips() -> None:
    target, points = torch.zeros(1, 3, 3), torch.zeros(1, 3, 3)
    points[0, 0, 0] = 0.06  # one hip: the root moves by half of it
    assert distances(points, target).tolist()[0] == pytest.approx([0.06, 0, 0])
    assert float(mpjpe(points, target, [0, 1])) == pytest.approx(0.03)


@pytest.mark.parametrize("device", DEVICES)
def test_alignment_removes_turn_scale_and_place_but_no_reflection(device: str) -> None:
    points = people().to(device)
    turn = torch.from_numpy(Rotation.from_rotvec([0.4, -1.0, 0.3]).as_matrix()).float()
    moved = 1.7 * points @ turn.T.to(device) + 0.4
    assert torch.allclose(similarity_aligned(moved, points), points, atol=1e-4)
    assert p_mpjpe(moved, points).max() < 1e-4
    mirrored = points * torch.tensor([-1.0, 1.0, 1.0], device=device)
    assert p_mpjpe(mirrored, points).min() > 0.05


def test_unknown_points_have_no_say_in_the_alignment() -> None:
    target = people()
    points = 0.5 * target - 1
    known = torch.ones(2, 30, dtype=torch.bool)
    known[0, 7] = False
    points[0, 7], target[0, 7] = 50.0, float("nan")
    assert p_mpjpe(points, target, known).max() < 1e-4


def test_procrustes_of_a_square_by_hand() -> None:
    square = torch.tensor([[[1.0, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]]])
    points = square * torch.tensor([1.0, 0.5, 1.0])
    # the best scale of (1, 1/2) onto (1, 1): (1 + 1/2) / (1 + 1/4) = 1.2, so x and y are off by
    # 0.2 and 0.4
    assert float(p_mpjpe(points, square)) == pytest.approx(math.hypot(0.2, 0.4), abs=1e-6)


def test_scale_correction_does_not_turn() -> None:
    target = people()
    assert torch.allclose(scale_aligned(3 * target + 1, target), target, atol=1e-5)
    turned = target @ torch.tensor([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert (scale_aligned(turned, target) - target).norm(dim=-1).mean() > 0.1


def test_pck_and_auc() -> None:
    errors = torch.tensor([[0.0, 0.101, 0.149, 0.2]])
    assert float(pck(errors)) == pytest.approx(0.75)
    # thresholds 0, 5, ... 150 mm: 0 is within all 31, 101 mm within 10, 149 within 1
    assert float(auc(errors)) == pytest.approx((31 + 10 + 1 + 0) / 4 / 31)
    assert math.isnan(float(pck(errors, torch.zeros(1, 4, dtype=torch.bool))))


def test_pixels_are_measured_by_the_box() -> None:
    target = torch.zeros(1, 2, 2)
    points = torch.tensor([[[3.0, 4.0], [0.0, 15.0]]])
    assert float(box_share(points, target, torch.tensor([200.0]))) == pytest.approx(0.05)


def test_mean_of_nothing_is_unknown() -> None:
    known = torch.tensor([[True, False], [False, False]])
    means = mean_known(torch.tensor([[2.0, float("nan")], [1.0, 1.0]]), known)
    assert float(means[0]) == 2.0
    assert math.isnan(float(means[1]))


def test_overlap_of_masks() -> None:
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, :2], masks[1, 1:3] = True, True
    assert float(mask_iou(masks[:1], masks[1:])) == pytest.approx(4 / 12)


def test_correlations() -> None:
    values = torch.linspace(0, 1, 50)
    assert spearman(values, values**3) == pytest.approx(1.0)
    assert spearman(values, -values) == pytest.approx(-1.0)
    assert pearson(values, values**3) < 0.95
    first, second = torch.tensor([1.0, 2, 2, 3]), torch.tensor([1.0, 2, 3, 4])
    # ranks 0, 1.5, 1.5, 3 and 0, 1, 2, 3
    assert spearman(first, second) == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    assert math.isnan(pearson(values, torch.ones(50)))


def test_the_interval_of_a_mean_is_about_two_standard_errors() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(3)) * 2 + 10
    low, high = bootstrap_interval(values)
    error = float(values.std()) / 20
    assert low == pytest.approx(float(values.mean()) - 1.96 * error, abs=0.03)
    assert high == pytest.approx(float(values.mean()) + 1.96 * error, abs=0.03)
    assert bootstrap_interval(values) == (low, high)
