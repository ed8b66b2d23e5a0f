# SPDX-License-Identifier: GPL-3.0-or-later
"""Absolute position: exact pixels and exact relative points must give back the truth."""

from __future__ import annotations

import math

import pytest
import torch

from nlf_blender.worker.nlf.head import HeadOutput
from nlf_blender.worker.nlf.reconstruction import reconstruct_absolute

SIDE = 256


def _scene(seed: int, people: int = 16, points: int = 300) -> tuple[HeadOutput, ...]:
    """People of about human size filling crops of 10 to 60 degrees: exact output and the truth."""
    random = torch.Generator().manual_seed(seed)
    field_of_view = torch.deg2rad(10 + 50 * torch.rand(people, generator=random))
    focal = SIDE / 2 / torch.tan(field_of_view / 2)
    intrinsics = torch.eye(3).repeat(people, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    intrinsics[:, :2, 2] = SIDE / 2
    size = torch.tensor([0.5, 1.7, 0.5])
    body = (torch.rand(people, points, 3, generator=random) - 0.5) * size
    depth = 1.15 * focal * 1.7 / SIDE + 0.5
    truth = body + torch.stack([torch.zeros(people), torch.zeros(people), depth], dim=1)[:, None]
    truth[:, :, 0] += 0.1 * torch.randn(people, 1, generator=random)
    seen = truth @ intrinsics.mT
    relative = truth - truth.mean(dim=1, keepdim=True) + torch.tensor([1.1, 1.1, 1.1])
    output = HeadOutput(seen[..., :2] / seen[..., 2:], relative, torch.full(truth.shape[:2], 0.05))
    return output, truth, intrinsics


@pytest.mark.parametrize("seed", range(3))
def test_exact_inputs_give_the_truth(seed: int) -> None:
    output, truth, intrinsics = _scene(seed)
    error = (reconstruct_absolute(output, intrinsics, SIDE) - truth).norm(dim=-1)
    # the ridge of the official method pulls the distance in by a little
    assert (error.amax(dim=1) / truth[..., 2].mean(dim=1)).max() < 2e-3


def test_uncertain_points_have_no_say() -> None:
    output, truth, intrinsics = _scene(5)
    pixels, uncertainty = output.points_2d.clone(), output.uncertainty.clone()
    pixels[:, ::3] += 60.0 * torch.randn(pixels[:, ::3].shape, generator=torch.manual_seed(0))
    uncertainty[:, ::3] = 0.5
    output = HeadOutput(pixels, output.points_3d, uncertainty)
    good = torch.ones(truth.shape[1], dtype=torch.bool)
    good[::3] = False
    error = (reconstruct_absolute(output, intrinsics, SIDE) - truth).norm(dim=-1)[:, good]
    assert error.max() < 0.02
    trusted = HeadOutput(pixels, output.points_3d, torch.full_like(uncertainty, 0.05))
    worse = (reconstruct_absolute(trusted, intrinsics, SIDE) - truth).norm(dim=-1)[:, good]
    assert worse.max() > 0.1


@pytest.mark.parametrize("certain", [3, 5])
def test_few_certain_points_decide_however_wild_the_others_are(certain: int) -> None:
    """Both sides of the equations are scaled by what is certain, or the ridge would win."""
    output, truth, intrinsics = _scene(13)
    pixels = output.points_2d.clone()
    near = (pixels - SIDE / 2).norm(dim=-1).argsort(dim=1)
    spread = near[:, :: near.shape[1] // (2 * certain)][:, :certain]
    uncertainty = torch.full(pixels.shape[:2], 0.5).scatter(1, spread, 0.05)
    wild = torch.where(uncertainty[..., None] < 0.1, pixels, 5 * (pixels - SIDE / 2))
    calm, other = (
        reconstruct_absolute(HeadOutput(seen, output.points_3d, uncertainty), intrinsics, SIDE)
        for seen in (pixels, wild)
    )
    chosen = spread[..., None].expand(-1, -1, 3)
    moved = (calm - other).gather(1, chosen).norm(dim=-1).amax(dim=1)
    assert (moved / truth[..., 2].mean(dim=1)).max() < 1e-3


def test_no_certain_point_at_all() -> None:
    output, _, intrinsics = _scene(14)
    output = HeadOutput(output.points_2d, output.points_3d, output.uncertainty + 1)
    assert torch.isfinite(reconstruct_absolute(output, intrinsics, SIDE)).all()


def test_pixels_at_the_edge_are_not_trusted() -> None:
    """A point cut off by the crop's edge is predicted at the edge; its 3D place must stand."""
    output, truth, intrinsics = _scene(7)
    pixels = output.points_2d + torch.tensor([0.0, 110.0])  # most legs are below the crop
    shifted = intrinsics.clone()
    shifted[:, 1, 2] += 110.0
    cut = pixels[..., 1] > SIDE - 10
    assert 0.1 < cut.float().mean() < 0.6
    output = HeadOutput(pixels.clamp(16, SIDE - 16), output.points_3d, output.uncertainty)
    error = (reconstruct_absolute(output, shifted, SIDE) - truth).norm(dim=-1)
    assert error[cut].max() < 0.05


def test_guesses_beyond_the_photo_have_no_say() -> None:
    output, truth, intrinsics = _scene(6)
    pixels = output.points_2d.clone()
    pixels[:, ::2] += 70.0  # certain, and wrong: where a portrait's legs are guessed
    guessed = HeadOutput(pixels, output.points_3d, output.uncertainty)
    pictured = torch.ones(pixels.shape[:2], dtype=torch.bool)
    pictured[:, ::2] = False
    told = reconstruct_absolute(guessed, intrinsics, SIDE, pictured=pictured)
    assert (told - truth).norm(dim=-1).max() < 0.02
    untold = reconstruct_absolute(guessed, intrinsics, SIDE)
    assert (untold - truth).norm(dim=-1).max() > 0.1


def test_a_point_inside_goes_half_way_to_its_ray() -> None:
    output, truth, intrinsics = _scene(9, people=1)
    pixels = output.points_2d.clone()
    index = int((pixels[0] - SIDE / 2).norm(dim=-1).argmin())
    pixels[0, index, 0] += 8.0
    moved = HeadOutput(pixels, output.points_3d, output.uncertainty)
    still = reconstruct_absolute(output, intrinsics, SIDE)
    shift = (reconstruct_absolute(moved, intrinsics, SIDE) - still)[0, index]
    expected = 0.5 * 8.0 / intrinsics[0, 0, 0] * truth[0, index, 2]
    assert shift[0].item() == pytest.approx(expected.item(), rel=0.05)


def test_batches_do_not_mix_people() -> None:
    output, _, intrinsics = _scene(11, people=8)
    together = reconstruct_absolute(output, intrinsics, SIDE)
    for person in range(8):
        one = slice(person, person + 1)
        alone = reconstruct_absolute(output[one], intrinsics[one], SIDE)
        assert torch.allclose(alone, together[one], atol=1e-4)


def test_gradients_are_finite_even_for_a_degenerate_person() -> None:
    pixels = torch.full((1, 20, 2), SIDE / 2.0, requires_grad=True)
    relative = torch.zeros(1, 20, 3, requires_grad=True)
    intrinsics = torch.tensor([[[300.0, 0, SIDE / 2], [0, 300.0, SIDE / 2], [0, 0, 1]]])
    output = HeadOutput(pixels + 1e-3, relative, torch.full((1, 20), 0.1))
    points = reconstruct_absolute(output, intrinsics, SIDE)
    points.sum().backward()
    assert torch.isfinite(points).all()
    assert relative.grad is not None
    assert all(math.isfinite(value) for value in relative.grad.flatten().tolist())
