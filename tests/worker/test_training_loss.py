# SPDX-License-Identifier: GPL-3.0-or-later
"""Losses, the cheap readout, and the exported names."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from painted_person import ASSETS

from nlf_blender.worker.nlf.field import FieldConfig
from nlf_blender.worker.nlf.head import HeadOutput, HeatmapHead
from nlf_blender.worker.training.body import RenderBody
from nlf_blender.worker.training.data import (
    JOINT_COUNT,
    canonical_pool,
    canonical_samples,
    sample_columns,
)
from nlf_blender.worker.training.encoding import adopt_signature, start_randomly
from nlf_blender.worker.training.export import exported_tensors, trained_names
from nlf_blender.worker.training.losses import crop_intrinsics, project, training_loss
from nlf_blender.worker.training.model import TrainedPart, read_out

SMALL = FieldConfig(fourier_dim=16, gps_hidden_dim=16, signature_dim=8, code_dim=12, feature_dim=10)


def people(seed: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(2, 30, 3, generator=random) * 0.3 + torch.tensor([0.0, 0.0, 4.0])


def perfect(points: torch.Tensor, focal: torch.Tensor, spread: float) -> HeadOutput:
    pixels = project(points, crop_intrinsics(focal, 256))
    return HeadOutput(pixels, points - 3.0, torch.full(points.shape[:2], spread))


def test_a_perfect_answer_has_no_error_wherever_it_is_moved() -> None:
    points, focal = people(0), torch.tensor([300.0, 400.0])
    exact, wrong = perfect(points, focal, 0.1), people(1)
    _, error = training_loss(exact, points, focal, 256, False)
    assert float(error) == pytest.approx(0.0, abs=1e-5)
    _, error = training_loss(exact, wrong, focal, 256, False)
    assert float(error) > 0.1


@pytest.mark.parametrize(("factor", "sign"), [(0.5, -1), (2.0, 1)])
def test_the_best_uncertainty_is_a_third_of_the_error(factor: float, sign: int) -> None:
    points, focal = people(0), torch.tensor([300.0, 400.0])
    moved = points + torch.tensor([0.09, 0.0, 0.0]) * torch.tensor([1.0, -1.0]).repeat(15)[:, None]
    spread = torch.full(points.shape[:2], 0.03 * factor, requires_grad=True)
    output = HeadOutput(project(points, crop_intrinsics(focal, 256)), moved, spread)
    loss, error = training_loss(output, points, focal, 256, False)
    assert float(error) == pytest.approx(0.09, abs=1e-4)
    (gradient,) = torch.autograd.grad(loss, spread)
    assert (gradient.sign() == sign).all()


def test_absolute_term_sees_a_wrong_scale() -> None:
    points, focal = people(0), torch.tensor([300.0, 400.0])
    right = perfect(points, focal, 0.1)
    wrong = HeadOutput(right.points_2d, right.points_3d * 1.3, right.uncertainty)
    with_term = [training_loss(out, points, focal, 256, True)[0] for out in (right, wrong)]
    without = [training_loss(out, points, focal, 256, False)[0] for out in (right, wrong)]
    assert with_term[0] - without[0] < 0.005
    assert with_term[1] - without[1] > 0.01


def test_the_cheap_readout_is_the_head() -> None:
    torch.manual_seed(0)
    head = HeatmapHead(6, 256, 32, SMALL).eval()
    features, points = torch.randn(3, 6, 8, 8), torch.randn(7, 3)
    field = head.weight_field
    expected = head(features, field.point_codes(points))
    output = read_out(head, features, field.signature(points))
    assert torch.allclose(output.points_3d, expected.points_3d, atol=1e-4)
    assert torch.allclose(output.points_2d, expected.points_2d, atol=1e-2)
    assert torch.allclose(output.uncertainty, expected.uncertainty, atol=1e-4)


def test_pool_lies_on_and_in_the_body() -> None:
    body = RenderBody(ASSETS / "open_body.npz")
    points = canonical_pool(body, body.pool)
    low, high = body.canonical.min(axis=0) - 1e-4, body.canonical.max(axis=0) + 1e-4
    assert points.shape[1] == 3
    assert (points.numpy() >= low).all() and (points.numpy() <= high).all()
    assert np.allclose(points[:JOINT_COUNT], body.canonical_joints, atol=1e-6)
    columns = sample_columns(torch.Generator().manual_seed(0), 40)
    assert len(set(columns.tolist())) == JOINT_COUNT + 40
    assert int(columns.max()) < len(points)


def test_exported_tensors_load_again_under_official_names() -> None:
    model = TrainedPart()
    tensors = exported_tensors(model)
    assert "heatmap_head.layer.0.weight" in tensors
    assert tensors["heatmap_head.weight_field.pred_mlp.2.weight"].dtype == torch.float16
    assert tensors["heatmap_head.layer.1.running_var"].dtype == torch.float32
    assert all(name.startswith(("backbone.neck.", "heatmap_head.")) for name in tensors)
    other = TrainedPart()
    other.load_state_dict(trained_names(tensors))
    first, second = model.neck.place, other.neck.place
    assert torch.allclose(first, second, atol=1e-3)


def test_adopting_the_signature_keeps_the_codes() -> None:
    torch.manual_seed(0)
    field = HeatmapHead(6, 256).weight_field
    body = RenderBody(ASSETS / "open_body.npz")
    points = canonical_samples(body)[::7]
    start_randomly(field, points)
    assert float(field.signature(points).detach().std()) == pytest.approx(1.0, abs=0.01)
    before = field.point_codes(points).detach()
    changed = adopt_signature(field, ASSETS / "canonical_field.safetensors", points)
    after = field.point_codes(points).detach()
    assert changed < 0.05
    assert float((after - before).square().mean().sqrt() / before.std()) < 0.05
    assert float(field.signature(points).detach().std()) < 0.2
