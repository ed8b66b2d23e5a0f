# SPDX-License-Identifier: GPL-3.0-or-later
"""The field and the head: what a point reads out of a crop, and how peaks become positions."""

from __future__ import annotations

import math

import pytest
import torch

from nlf_blender.worker.nlf.field import FieldConfig, WeightField
from nlf_blender.worker.nlf.head import (
    BOX_SIZE_M,
    HeatmapHead,
    PointWeights,
    decode_logits,
    mirror_points,
)

SMALL = FieldConfig(
    fourier_dim=32, gps_hidden_dim=48, signature_dim=24, code_dim=16, feature_dim=20, depth=4
)
SIDE = 256


@pytest.fixture
def head() -> HeatmapHead:
    torch.manual_seed(3)
    head = HeatmapHead(12, SIDE, config=SMALL).eval()
    with torch.no_grad():
        head.weight_field.pred_mlp[0].weight.mul_(100.0)  # points that differ
        head.weight_field.pred_mlp[2].weight.mul_(20.0)  # peaks instead of flat maps
    return head


@pytest.fixture
def points() -> torch.Tensor:
    return torch.rand(37, 3, generator=torch.Generator().manual_seed(1)) - 0.5


@pytest.fixture
def backbone_map() -> torch.Tensor:
    return torch.randn(5, 12, 8, 8, generator=torch.Generator().manual_seed(2))


def test_default_widths_are_those_of_the_official_release() -> None:
    shapes = {name: tuple(value.shape) for name, value in WeightField().state_dict().items()}
    assert shapes["gps_net.learnable_fourier.linear.weight"] == (256, 3)
    assert shapes["gps_net.mlp.0.weight"] == (2048, 512)
    assert shapes["gps_net.mlp.2.weight"] == (1024, 2048)
    assert shapes["pred_mlp.0.weight"] == (384, 1024)
    assert shapes["pred_mlp.2.weight"] == (5130, 384)
    assert {"r_sqrt_eigva", "gps_net.mini", "gps_net.maxi", "gps_net.center"} <= set(shapes)


def test_weights_do_not_depend_on_the_chunk(points: torch.Tensor) -> None:
    field = WeightField(SMALL)
    whole, parts = field(points), field(points, chunk=5)
    assert whole.shape == (37, SMALL.feature_dim + 1, SMALL.channels)
    assert torch.allclose(whole, parts, atol=1e-6)
    assert torch.allclose(field.point_codes(points), field.point_codes(points, chunk=4), atol=1e-6)


def test_the_signature_is_scaled_and_normalized(points: torch.Tensor) -> None:
    field = WeightField(SMALL)
    plain = field.signature(points)
    field.r_sqrt_eigva.mul_(3.0)
    assert torch.allclose(field.signature(points), 3.0 * plain)
    field.gps_net.mini.mul_(2.0)
    field.gps_net.maxi.mul_(2.0)
    field.gps_net.center.add_(0.25)
    assert torch.allclose(field.signature(2.0 * points + 0.25), 3.0 * plain, atol=1e-5)


def test_reading_by_codes_equals_reading_by_weights(
    head: HeatmapHead, points: torch.Tensor, backbone_map: torch.Tensor
) -> None:
    matrix, bias = head.weight_field.split(head.weight_field(points))
    features = head.layer(backbone_map)
    logits = torch.einsum("nkc,pchw->pnkhw", matrix, features) + bias[None, :, :, None, None]
    expected = decode_logits(logits, SIDE)
    output = head(backbone_map, head.weight_field.point_codes(points))
    assert expected.points_2d.std() > 5.0  # the case is not a trivial one
    assert torch.allclose(output.points_2d, expected.points_2d, atol=2e-3)
    assert torch.allclose(output.points_3d, expected.points_3d, atol=2e-5)
    assert torch.allclose(output.uncertainty, expected.uncertainty, rtol=1e-3)


def test_points_worked_off_in_chunks_are_the_same(
    head: HeatmapHead,
    points: torch.Tensor,
    backbone_map: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes = head.weight_field.point_codes(points)
    whole = head(backbone_map, codes)
    values_per_point = 5 * SMALL.channels * 64
    monkeypatch.setattr("nlf_blender.worker.nlf.head.MAP_VALUES_PER_CHUNK", 4 * values_per_point)
    parts = head(backbone_map, codes)
    assert torch.allclose(whole.points_2d, parts.points_2d, atol=1e-3)
    assert torch.allclose(whole.points_3d, parts.points_3d, atol=1e-5)
    assert torch.allclose(whole.uncertainty, parts.uncertainty, atol=1e-5)


def test_each_crop_is_read_with_its_own_points(
    head: HeatmapHead, points: torch.Tensor, backbone_map: torch.Tensor
) -> None:
    weights = head.point_weights(points)
    plain = head(backbone_map, weights.codes).points_2d
    mirrored = head(backbone_map, weights.mirrored_codes).points_2d
    assert (plain - mirrored).abs().max() > 1.0
    flips = [True, False, False, True, False]
    mixed = head.read(backbone_map, [weights], flips)[0].points_2d
    expected = torch.stack([(mirrored if flip else plain)[i] for i, flip in enumerate(flips)])
    assert torch.allclose(mixed, expected, atol=1e-3)
    assert torch.allclose(head.read(backbone_map, [weights], [True] * 5)[0].points_2d, mirrored)


def test_readout_of_mirror_images(head: HeatmapHead, points: torch.Tensor) -> None:
    symmetric = torch.cat([points, mirror_points(points), torch.zeros(1, 3)])
    weights = head.point_weights(symmetric)
    assert isinstance(weights, PointWeights)
    assert len(weights) == 75
    expected = head.weight_field.point_codes(mirror_points(symmetric))
    assert torch.allclose(weights.mirrored_codes, expected, atol=1e-6)
    assert torch.equal(weights.codes[:37], weights.mirrored_codes[37:74])
    assert torch.equal(weights.codes[74], weights.mirrored_codes[74])


def _peaked_logits(cell_2d: tuple[int, int], cell_3d: tuple[int, int, int]) -> torch.Tensor:
    logits = torch.zeros(1, 1, 10, 8, 8)
    logits[0, 0, 1, cell_2d[1], cell_2d[0]] = 60.0
    logits[0, 0, 2 + cell_3d[2], cell_3d[1], cell_3d[0]] = 60.0
    return logits


def test_a_peak_is_decoded_to_the_middle_of_its_cell() -> None:
    logits = _peaked_logits((6, 1), (2, 5, 3))
    logits[0, 0, 0, 5, 2] = 1.5
    output = decode_logits(logits, SIDE)
    assert torch.allclose(output.points_2d[0, 0], torch.tensor([2 * 32 + 16.0, 5 * 32 + 16.0]))
    metric = torch.tensor([6 * 32 + 16.0, 1 * 32 + 16.0]) * BOX_SIZE_M / SIDE
    assert torch.allclose(output.points_3d[0, 0, :2], metric, atol=1e-5)
    assert output.points_3d[0, 0, 2].item() == pytest.approx(3 / 7 * BOX_SIZE_M, abs=1e-5)
    expected = math.log1p(math.exp(1.5)) + 0.001
    assert output.uncertainty[0, 0].item() == pytest.approx(expected, abs=1e-5)


def test_two_equal_peaks_are_decoded_between_them() -> None:
    logits = _peaked_logits((0, 0), (1, 2, 0))
    logits[0, 0, 2 + 6, 4, 3] = 60.0
    output = decode_logits(logits, SIDE)
    assert torch.allclose(output.points_2d[0, 0], torch.tensor([2 * 32 + 16.0, 3 * 32 + 16.0]))
    assert output.points_3d[0, 0, 2].item() == pytest.approx(3 / 7 * BOX_SIZE_M, abs=1e-5)


def test_a_larger_crop_keeps_the_metric_span() -> None:
    logits = torch.zeros(1, 1, 10, 12, 12)
    logits[0, 0, 1, 11, 11] = 60.0
    logits[0, 0, 2, 11, 11] = 60.0
    output = decode_logits(logits, 384)
    assert torch.allclose(output.points_2d[0, 0], torch.tensor([368.0, 368.0]))
    assert output.points_3d[0, 0, 0].item() == pytest.approx(368 / 384 * BOX_SIZE_M, abs=1e-5)


def test_every_output_has_a_gradient(head: HeatmapHead, points: torch.Tensor) -> None:
    images = torch.randn(2, 12, 8, 8, requires_grad=True)
    for name in ("points_2d", "points_3d", "uncertainty"):
        images.grad = None
        getattr(head(images, head.weight_field.point_codes(points)), name).sum().backward()
        assert images.grad is not None
        assert images.grad.abs().max() > 0
        assert torch.isfinite(images.grad).all()
