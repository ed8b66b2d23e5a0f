# SPDX-License-Identifier: GPL-3.0-or-later
"""What errors cost at an uncertainty: known minima and gradients; and the geometry of losses."""

from __future__ import annotations

import pytest
import torch

from nlf_blender.worker.training.losses.geometry import about_mean, lengths, masked_mean, project
from nlf_blender.worker.training.losses.likelihood import cost
from nlf_blender.worker.training.losses.settings import LossSettings

NLL = LossSettings("nll")


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_likelihood_is_greatest_at_the_true_spread(dimensions: int) -> None:
    """Errors drawn from the distribution itself, whose length is a gamma variable."""
    true = 0.07
    torch.manual_seed(dimensions)
    shape = torch.tensor(float(dimensions), dtype=torch.float64)
    errors = torch.distributions.Gamma(shape, torch.ones_like(shape) / true).sample((40_000,))
    spreads = torch.linspace(0.04, 0.12, 161, dtype=torch.float64)
    costs = cost(errors, spreads[:, None], dimensions, NLL).mean(dim=1)
    assert float(spreads[costs.argmin()]) == pytest.approx(true, rel=0.02)
    assert float(errors.mean()) == pytest.approx(dimensions * true, rel=0.02)


@pytest.mark.parametrize(("beta", "power"), [(0.0, -1.0), (0.25, -0.5), (0.5, 0.0), (1.0, 1.0)])
def test_beta_weighs_positions_by_the_uncertainty(beta: float, power: float) -> None:
    error = torch.tensor([0.2, 0.2], requires_grad=True)
    spread = torch.tensor([0.1, 0.4])
    (found,) = torch.autograd.grad(
        cost(error, spread, 3, LossSettings("beta_nll", beta)).sum(), error
    )
    assert torch.allclose(found, spread**power)


def test_likelihoods_have_the_gradients_that_differences_show() -> None:
    error = torch.rand(6, dtype=torch.float64, requires_grad=True)
    spread = (torch.rand(6, dtype=torch.float64) + 0.1).requires_grad_()
    for dimensions in (2, 3):
        assert torch.autograd.gradcheck(
            lambda e, s, d=dimensions: cost(e, s, d, NLL), (error, spread)
        )


def test_lengths_have_a_gradient_where_they_are_zero() -> None:
    vectors = torch.zeros(2, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(lengths(vectors).sum(), vectors)
    assert gradient.abs().max() == 0
    assert lengths(torch.tensor([[3.0, 4.0, 0.0]])).item() == 5.0


def test_means_leave_the_unknown_out() -> None:
    values, known = torch.tensor([[1.0, 3.0, torch.nan]]), torch.tensor([[True, True, False]])
    assert masked_mean(values, known).tolist() == [2.0]
    assert masked_mean(values, torch.zeros_like(known)).tolist() == [0.0]
    moved = about_mean(values[..., None].expand(1, 3, 3), known)
    assert moved[0, :2, 0].tolist() == [-1.0, 1.0]


def test_what_is_nearer_than_the_camera_still_projects() -> None:
    points = torch.tensor([[[0.1, 0.0, -1.0], [0.0, 0.1, 0.0]]], requires_grad=True)
    pixels = project(points, torch.eye(3)[None])
    assert torch.isfinite(pixels).all()
    pixels.sum().backward()
    assert torch.isfinite(points.grad).all()


@pytest.mark.parametrize("wrong", [{"beta": 1.5}, {"absolute_from": -0.1}, {"pixels_2d": -1.0}])
def test_wrong_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"from 0 to 1|0 or more"):
        LossSettings(**wrong)
