# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss of a batch: known minima, gradients, and what must not contribute."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from training_batches import crop_batch, people, right_answer

from nlf_blender.worker.nlf.head import HeadOutput
from nlf_blender.worker.training.crops.batch import CropBatch
from nlf_blender.worker.training.losses.geometry import about_mean
from nlf_blender.worker.training.losses.likelihood import SPREAD_IN_PICTURE
from nlf_blender.worker.training.losses.settings import LossSettings
from nlf_blender.worker.training.losses.total import training_loss
from nlf_blender.worker.training.model.localization import Localization

FOCAL = [300.0, 400.0]
PLAIN = LossSettings("euclidean", absolute_from=0.0)
KINDS = ("euclidean", "nll", "beta_nll")


def loss_of(
    output: HeadOutput, batch: CropBatch, settings: LossSettings = PLAIN, progress: float = 1.0
) -> tuple[Tensor, dict[str, Tensor]]:
    return training_loss(Localization(output, 256, 32), batch, settings, progress)


def gradients(
    output: HeadOutput, batch: CropBatch, settings: LossSettings = PLAIN
) -> tuple[Tensor, ...]:
    """Of the loss, by the output's pixels, points and uncertainty."""
    inputs = [
        value.clone().requires_grad_()
        for value in (output.points_2d, output.points_3d, output.uncertainty)
    ]
    loss, _ = loss_of(HeadOutput(*inputs), batch, settings)
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    return tuple(
        torch.zeros_like(value) if part is None else part
        for part, value in zip(found, inputs, strict=True)
    )


@pytest.mark.parametrize("kind", ["nll", "beta_nll"])
@pytest.mark.parametrize(("factor", "sign"), [(0.5, -1), (2.0, 1)])
def test_the_best_uncertainty_is_a_third_of_the_error(kind: str, factor: float, sign: int) -> None:
    batch = crop_batch(people(), FOCAL)
    sides = torch.tensor([1.0, -1.0]).repeat(15)[:, None]
    wrong = right_answer(batch, 0.03 * factor)
    wrong = replace(wrong, points_3d=wrong.points_3d + torch.tensor([0.09, 0.0, 0.0]) * sides)
    settings = LossSettings(kind, absolute_from=1.0)
    _, terms = loss_of(wrong, batch, settings, 0.0)
    assert terms["error_3d_mm"].item() == pytest.approx(90.0, abs=0.1)
    assert terms["uncertainty_mm"].item() == pytest.approx(90.0 * factor, abs=0.1)
    assert (gradients(wrong, batch, settings)[2].sign() == sign).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_has_the_gradients_that_differences_show(kind: str) -> None:
    """By positions, with the absolute reconstruction, weak pixels and unknown points inside."""
    batch = crop_batch(people(3, 8, torch.float64), FOCAL)
    has_3d = batch.has_3d.clone()
    has_3d[0, :2] = False
    has_3d[1] = False
    batch = replace(batch, has_3d=has_3d)
    torch.manual_seed(0)
    answer = right_answer(batch)
    pixels = (answer.points_2d + 5 * torch.randn_like(answer.points_2d)).requires_grad_()
    points = (answer.points_3d + 0.1 * torch.randn_like(answer.points_3d)).requires_grad_()

    def loss(first: Tensor, second: Tensor) -> Tensor:
        output = HeadOutput(first, second, answer.uncertainty)
        return loss_of(output, batch, LossSettings(kind, absolute_from=0.0))[0]

    assert torch.autograd.gradcheck(loss, (pixels, points), eps=1e-6, atol=1e-4)
    _, terms = loss_of(HeadOutput(pixels, points, answer.uncertainty), batch)
    assert all(math.isfinite(value) for value in terms.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_answer_costs_least_wherever_it_is_moved(kind: str) -> None:
    batch, settings = crop_batch(people(), FOCAL), LossSettings(kind, absolute_from=0.0)
    right = right_answer(batch)
    loss, terms = loss_of(right, batch, settings)
    assert terms["error_3d_mm"].item() == pytest.approx(0.0, abs=1e-2)
    assert terms["error_2d_px"].item() == pytest.approx(0.0, abs=1e-2)
    assert terms["absolute_3d"].item() < 0.002  # a small ridge holds the reconstruction back
    wrong = right_answer(crop_batch(people(1), FOCAL))
    assert loss_of(wrong, batch, settings)[0] > loss + 0.1
    for part in gradients(right, batch, settings):
        assert torch.isfinite(part).all()


def test_the_absolute_term_sees_a_wrong_scale_from_its_time_on() -> None:
    batch, settings = crop_batch(people(), FOCAL), LossSettings()
    right = right_answer(batch)
    wrong = replace(right, points_3d=right.points_3d * 1.3)
    assert "absolute_3d" not in loss_of(wrong, batch, settings, 0.2)[1]
    terms = [loss_of(output, batch, settings, 0.3)[1] for output in (right, wrong)]
    assert terms[1]["absolute_3d"] > terms[0]["absolute_3d"] + 0.1
    only = LossSettings("euclidean", relative_3d=0.0, pixels_2d=0.0, absolute_from=0.0)
    by_pixels, by_points, _ = gradients(wrong, batch, only)
    assert by_pixels.abs().max() > 0
    # All points grow by a common factor: each person's gradient says they should shrink.
    about = about_mean(wrong.points_3d, batch.has_3d)
    assert ((by_points * about).sum(dim=(1, 2)) > 0).all()


def test_pixels_alone_train_placed_points() -> None:
    nothing = torch.zeros(2, 30, dtype=torch.bool)
    unknown = torch.full((2, 30, 3), torch.nan)
    batch = crop_batch(people(), FOCAL)
    answer = right_answer(batch)
    for has_camera in (True, False):
        known = torch.full((2,), has_camera)
        weak = replace(batch, has_3d=nothing, points_3d=unknown, has_camera=known)
        _, terms = loss_of(answer, weak)
        assert terms["weak_2d"].item() == pytest.approx(0.0, abs=0.01)
        assert math.isnan(terms["relative_3d"])
        assert math.isnan(terms["absolute_3d"])
        bent = answer.points_3d.clone()
        bent[:, :10, 0] += 0.3
        only = LossSettings(pixels_2d=0.0, absolute_from=0.0)
        _, by_points, by_spread = gradients(replace(answer, points_3d=bent), weak, only)
        assert (by_points[:, :10, 0] > 0).all()
        assert torch.isfinite(by_points).all()
        assert by_spread.abs().max() == 0
    assert math.isnan(loss_of(answer, batch)[1]["weak_2d"])  # where 3D truth is known, it is used


def test_pixels_train_the_uncertainty_only_where_nothing_else_does() -> None:
    batch = crop_batch(people(), FOCAL)
    answer = right_answer(batch, 0.2)
    settings = LossSettings("nll", relative_3d=0.0, absolute_3d=0.0, weak_2d=0.0)
    assert gradients(answer, batch, settings)[2].abs().max() == 0
    weak = replace(batch, has_3d=torch.zeros_like(batch.has_3d))
    spread = gradients(answer, weak, settings)[2]
    assert (spread[batch.is_inside] > 0).all()
    # In the picture, an uncertainty is what an isotropic error looks like from one side.
    towards = torch.randn(100_000, 3, generator=torch.Generator().manual_seed(0))
    seen = (towards[:, :2].norm(dim=1) / towards.norm(dim=1)).mean()
    assert float(3 * seen) == pytest.approx(2 * SPREAD_IN_PICTURE, rel=0.01)


def test_truth_up_to_a_translation_is_used_as_such() -> None:
    batch = crop_batch(people(), FOCAL)
    rootless = replace(batch, absolute=torch.zeros(2, dtype=torch.bool))
    moved = replace(rootless, points_3d=batch.points_3d - torch.tensor([0.3, -0.2, 4.5]))
    answer = right_answer(crop_batch(people(1), FOCAL))
    first, second = (loss_of(answer, one) for one in (rootless, moved))
    assert torch.allclose(first[0], second[0], atol=1e-5)
    assert math.isnan(second[1]["absolute_3d"])
    assert second[1]["weak_2d"] > 0.01  # pixels tell where the person is


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_known_never_contributes(kind: str) -> None:
    batch, settings = crop_batch(people(), FOCAL), LossSettings(kind, absolute_from=0.0)
    answer = right_answer(crop_batch(people(1), FOCAL))
    has_3d, has_2d = batch.has_3d.clone(), batch.has_2d.clone()
    points, pixels, inside = (
        batch.points_3d.clone(),
        batch.points_2d.clone(),
        batch.is_inside.clone(),
    )
    has_3d[0, 0] = has_2d[0, 0] = False  # said to be unknown, and far off
    points[0, 0], pixels[0, 0] = 1000.0, -5000.0
    points[0, 1], pixels[0, 1] = torch.nan, torch.nan  # said to be known
    has_3d[0, 2], points[0, 2] = False, torch.inf  # pixels, but outside
    inside[0, 2] = False
    spoilt = replace(
        batch, has_3d=has_3d, has_2d=has_2d, points_3d=points, points_2d=pixels, is_inside=inside
    )
    parts = gradients(answer, spoilt, settings)
    assert all(torch.isfinite(part).all() for part in parts)
    columns = torch.arange(30)[None].repeat(2, 1)
    _, terms = loss_of(answer, spoilt, settings)
    gone = has_3d.clone()
    gone[0, :3] = False
    left_out = replace(batch, has_3d=gone, has_2d=gone, columns=columns)
    _, expected = loss_of(answer, left_out, settings)
    for name in ("relative_3d", "pixels_2d", "error_3d_mm", "error_2d_px"):
        assert terms[name].item() == pytest.approx(expected[name].item(), rel=1e-5)


def test_a_batch_without_truth_trains_nothing() -> None:
    nothing = torch.zeros(2, 30, dtype=torch.bool)
    batch = crop_batch(people(), FOCAL, has_3d=nothing, has_2d=nothing)
    loss, terms = loss_of(right_answer(batch), batch)
    assert loss.item() == 0.0
    assert all(math.isnan(value) for value in terms.values())
    for part in gradients(right_answer(batch), batch):
        assert part.abs().max() == 0


def test_a_person_whom_few_certain_points_show_is_not_placed() -> None:
    batch = crop_batch(people(), FOCAL)
    answer = right_answer(batch)
    unsure = answer.uncertainty.clone()
    unsure[0, 5:] = 0.5
    settings = LossSettings(absolute_from=0.0)
    assert gradients(replace(answer, uncertainty=unsure), batch, settings)[0].isfinite().all()
    unsure[:, 5:] = 0.5
    _, terms = loss_of(replace(answer, uncertainty=unsure), batch, settings)
    assert math.isnan(terms["absolute_3d"])


def test_crops_count_alike_however_many_points_they_have() -> None:
    batch = crop_batch(people(), FOCAL, has_2d=torch.zeros(2, 30, dtype=torch.bool))
    has_3d = batch.has_3d.clone()
    has_3d[1, 5:] = False
    answer = right_answer(crop_batch(people(1), FOCAL))
    alone = []
    for crop in range(2):
        one = has_3d.clone()
        one[1 - crop] = False
        alone.append(loss_of(answer, replace(batch, has_3d=one), PLAIN, -1.0)[1]["relative_3d"])
    both = loss_of(answer, replace(batch, has_3d=has_3d), PLAIN, -1.0)[1]["relative_3d"]
    assert both.item() == pytest.approx((alone[0] + alone[1]).item() / 2, rel=1e-5)


def test_auxiliary_losses_are_added_and_reported() -> None:
    batch = crop_batch(people(), FOCAL)
    answer = right_answer(batch)
    extra = {"landmark_distillation": torch.tensor(0.25, requires_grad=True)}
    loss, terms = training_loss(Localization(answer, 256, 32, extra), batch, PLAIN, 0.0)
    assert (loss - loss_of(answer, batch, PLAIN, 0.0)[0]).item() == pytest.approx(0.25)
    assert terms["landmark_distillation"].item() == 0.25
    assert not terms["landmark_distillation"].requires_grad
