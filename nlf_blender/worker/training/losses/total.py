# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss of a batch: every point contributes what is known of it (paper section 3.5).

3D truth trains the points about their mean and, in a known camera, where they are placed (the
absolute reconstruction of `nlf.reconstruction` is part of the loss). Pixels train the 2.5D
heatmap; where nothing else tells where a point is in the camera, they also train the placed points
by their projection, through a camera that is assumed if need be. A point without truth, with truth
that is not finite, or, of pixels, outside of the crop or picture never contributes. Every term is
the mean over a crop's points, then over the crops that have any.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ...nlf.head import HeadOutput
from ...nlf.reconstruction import (
    CERTAIN_BELOW_M,
    REFERENCE_BORDER_STRIDES,
    is_inside,
    reconstruct_absolute,
)
from ..crops.batch import CropBatch
from ..model.localization import Localization
from .geometry import about_mean, lengths, masked_mean, project
from .likelihood import SPREAD_IN_PICTURE, cost
from .settings import LossSettings
from .truth import Truth, known_truth

LARGEST_PIXEL_SHARE = 120 / 256  # of the crop's side; larger errors teach nothing more
LARGEST_DISTANCE_SHARE = 1.0  # of a person's distance, likewise
LEAST_CERTAIN = 6  # points that place a person; fewer make wild gradients
OUTPUT_SCALE = 3.0  # of the uncertainty, as the official models state it


class Term(NamedTuple):
    """values [P,N] of points, and which of them [P,N] count."""

    values: Tensor
    counts: Tensor

    def mean(self) -> Tensor:
        """Over a crop's points, then over the crops with any; 0 without any, with a gradient."""
        crops = self.counts.any(dim=1)
        return masked_mean(self.values, self.counts).sum() / crops.sum().clamp_min(1)

    def reported(self) -> Tensor:
        """The same without a gradient, NaN without any crop."""
        mean = self.mean().detach()
        return torch.where(self.counts.any(), mean, torch.full_like(mean, torch.nan))


def training_loss(
    result: Localization, batch: CropBatch, settings: LossSettings, progress: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """The scalar to lower, and scalars without gradient by name: the terms before their weights,
    `error_3d_mm` about the mean, `error_2d_px`, and the stated `uncertainty_mm`; NaN for what no
    crop of the batch tells. progress: the share of the steps that is done."""
    output = result.points
    truth = known_truth(batch, result.crop_side)
    error, off = _errors(output, truth)
    terms = {
        "relative_3d": Term(cost(error, output.uncertainty, 3, settings), truth.known_3d),
        "pixels_2d": _pixels(off, output, truth, result.crop_side, settings),
    }
    if progress >= settings.absolute_from and settings.absolute_3d + settings.weak_2d > 0:
        terms |= _placed_terms(result, batch, truth, settings)
    total = torch.stack([getattr(settings, name) * term.mean() for name, term in terms.items()])
    loss = total.sum() + sum(result.extra.values())
    figures = {
        "error_3d_mm": Term(1000 * error, truth.known_3d),
        "error_2d_px": Term(off, truth.known_2d),
        "uncertainty_mm": Term(1000 * OUTPUT_SCALE * output.uncertainty, truth.known_3d),
    }
    reported = {name: term.reported() for name, term in {**terms, **figures}.items()}
    return loss, {**reported, **{name: value.detach() for name, value in result.extra.items()}}


def _errors(output: HeadOutput, truth: Truth) -> tuple[Tensor, Tensor]:
    """Errors about the mean [P,N], metres, and in the crop [P,N], pixels."""
    relative = about_mean(output.points_3d, truth.known_3d)
    error = lengths(relative - about_mean(truth.points, truth.known_3d))
    return error, lengths(output.points_2d - truth.pixels)


def _pixels(
    off: Tensor, output: HeadOutput, truth: Truth, side: int, settings: LossSettings
) -> Term:
    """Errors [P,N] in the crop, in metres at the person. They train the uncertainty only where no
    3D error does, which depth has a larger part in."""
    metres = off.clamp_max(LARGEST_PIXEL_SHARE * side) * truth.metres_per_pixel
    spread = torch.where(truth.known_3d, output.uncertainty.detach(), output.uncertainty)
    return Term(cost(metres, SPREAD_IN_PICTURE * spread, 2, settings), truth.known_2d)


def _placed_terms(
    result: Localization, batch: CropBatch, truth: Truth, settings: LossSettings
) -> dict[str, Term]:
    """Errors of points placed in the camera: distances, as shares of the person's own, of those
    whose place is known, and pixels, in metres at the person, of the others."""
    output, side = result.points, result.crop_side
    if settings.kind == "euclidean":  # whose uncertainty nothing trains
        output = replace(output, uncertainty=torch.zeros_like(output.uncertainty))
    told = truth.known_3d | batch.has_2d
    pictured = batch.is_inside | ~told
    wanted = (truth.placed | truth.weak).any(dim=1)
    rows = torch.nonzero(wanted & _can_be_placed(output, pictured, result))[:, 0]
    intrinsics = batch.intrinsics[rows]
    placed = reconstruct_absolute(output[rows], intrinsics, side, result.stride, pictured[rows])
    shares = lengths(placed - truth.points[rows]) / truth.distance[rows]
    off = lengths(project(placed, intrinsics) - truth.pixels[rows])
    metres = off.clamp_max(LARGEST_PIXEL_SHARE * side) * truth.metres_per_pixel[rows]
    spread = SPREAD_IN_PICTURE * output.uncertainty[rows].detach()
    if settings.kind == "euclidean":
        spread = torch.ones_like(spread)
    return {
        "absolute_3d": Term(shares.clamp_max(LARGEST_DISTANCE_SHARE), truth.placed[rows]),
        "weak_2d": Term(cost(metres, spread, 2, settings), truth.weak[rows]),
    }


def _can_be_placed(output: HeadOutput, pictured: Tensor, result: Localization) -> Tensor:
    """Which crops [P] have points enough to tell where the person is (as in `find_reference`)."""
    border = REFERENCE_BORDER_STRIDES * result.stride
    inside = is_inside(output.points_2d, result.crop_side, border)
    certain = (output.uncertainty < CERTAIN_BELOW_M) & inside & pictured
    return certain.sum(dim=1) >= LEAST_CERTAIN
