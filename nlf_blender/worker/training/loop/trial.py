# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries a model on held-out crops while it trains.

The metrics are those of `worker evaluate`, which is what a finished model is judged by; here they
are of crops that are cut by the truth, so nobody can be missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ....body.arrays import Float64Array
from ...evaluation.metrics import (
    about_mean,
    box_share,
    distances,
    mean_known,
    p_mpjpe,
    pearson,
    spearman,
)
from ...nlf.head import HeadOutput
from ..crops.batch import CropBatch
from .samples import draw_samples
from .source import StepInput

SAME_PLACE_M = 1e-3
OUTPUT_SCALE = 3.0  # of the uncertainty, as the localizer states it
SHOWN = 8  # crops in a picture


class HeldOut:
    """Held-out batches, kept in memory. limbs: canonical places [12,3] of the limb joints, whose
    error is given where the batches have them."""

    def __init__(self, batches: Sequence[StepInput], limbs: Float64Array) -> None:
        self.batches = batches
        self.limbs = torch.from_numpy(limbs)

    @torch.no_grad()
    def figures(self, model: nn.Module) -> dict[str, float]:
        """Mean errors over crops: millimetres, per cent of the box, and how well the uncertainty
        tells a point's error."""
        values: dict[str, list[Tensor]] = {}
        errors, stated = [], []
        for inputs in self.batches:
            result = model(inputs.batch, inputs.frozen, None)
            output, batch = result.points, inputs.batch
            for name, value in _crop_figures(output, batch, self.limbs).items():
                values.setdefault(name, []).append(value.cpu())
            known = batch.has_3d
            error = distances(
                about_mean(output.points_3d, known), about_mean(batch.points_3d, known)
            )
            errors.append(error[known].cpu())
            stated.append(output.uncertainty[known].cpu() * OUTPUT_SCALE)
        figures = {name: _mean(torch.cat(parts)) for name, parts in values.items()}
        all_errors, all_stated = torch.cat(errors), torch.cat(stated)
        figures["uncertainty_mm"] = 1000 * _mean(all_stated)
        figures["uncertainty_pearson"] = pearson(all_stated, all_errors)
        figures["uncertainty_spearman"] = spearman(all_stated, all_errors)
        return figures

    @torch.no_grad()
    def draw(self, model: nn.Module, path: Path) -> None:
        """A picture of the first crops with their points, if their pictures are at hand."""
        inputs = self.batches[0]
        if not inputs.batch.images.shape[-1]:
            return
        result = model(inputs.batch, inputs.frozen, None)
        draw_samples(path, inputs.batch, result.points, SHOWN)


def _crop_figures(output: HeadOutput, batch: CropBatch, limbs: Tensor) -> dict[str, Tensor]:
    """Errors [P] of crops by name, NaN where the truth does not allow them."""
    known = batch.has_3d
    points, truth = output.points_3d, batch.points_3d
    apart = distances(about_mean(points, known), about_mean(truth, known))
    flat = batch.has_2d & batch.is_inside
    figures = {
        "points_mm": 1000 * mean_known(apart, known),
        "points_p_mm": 1000 * p_mpjpe(points, truth, known),
        "box_percent": 100 * box_share(output.points_2d, batch.points_2d, box_sides(batch), flat),
    }
    columns = limb_columns(batch, limbs)
    if columns is not None:
        chosen, true = points[:, columns], truth[:, columns]
        figures["limbs_p_mm"] = 1000 * p_mpjpe(chosen, true, known[:, columns])
    return figures


def box_sides(batch: CropBatch) -> Tensor:
    """The longer side [P] of the box about all points of a crop that have pixels, those beyond its
    border too."""
    known = batch.has_2d[..., None]
    low = batch.points_2d.where(known, batch.points_2d.new_tensor(torch.inf)).amin(dim=1)
    high = batch.points_2d.where(known, batch.points_2d.new_tensor(-torch.inf)).amax(dim=1)
    return (high - low).amax(dim=-1)


def limb_columns(batch: CropBatch, limbs: Tensor) -> Tensor | None:
    """Which points [12] of the crops are the limb joints, or None if the crops have not the same
    points or lack one."""
    if not bool((batch.columns == batch.columns[:1]).all()):
        return None
    places = batch.queries.places[batch.columns[0]].to(limbs)
    apart = torch.cdist(limbs, places)
    nearest = apart.min(dim=1)
    return nearest.indices if bool((nearest.values < SAME_PLACE_M).all()) else None


def _mean(values: Tensor) -> float:
    """Over those that are known."""
    return float(values[torch.isfinite(values)].double().mean())
