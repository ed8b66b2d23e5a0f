# SPDX-License-Identifier: GPL-3.0-or-later
"""How large a model takes grown-up people for.

No picture tells people's size, so a model says what its training people mostly are. A tenth of the
rendered ones are children, for which it takes everybody a little. Artists look at grown-ups
nearly always, and a size that is right for them places them at the right distance, too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...evaluation.limbs import LIMB_NAMES
from ...evaluation.metrics import about_mean, distances, p_mpjpe
from ..crops.batch import CropBatch
from ..loop.trial import HeldOut, limb_columns

ADULT_LEG_M = 0.62  # thigh and shin; 99 % of held-out adults have longer ones, few children
WELL_LOCALIZED_M = 0.06  # after Procrustes; limbs that are guessed come out short
LEAST_PEOPLE = 20


@torch.no_grad()
def adult_size(model: nn.Module, held_out: HeldOut) -> float:
    """The size of adults as they are localized, as a share of their true one: the geometric mean
    over crops whose points are well localized; 1 if they are fewer than LEAST_PEOPLE."""
    shares = []
    for inputs in held_out.batches:
        batch = inputs.batch
        points = model(batch, inputs.frozen, None).points.points_3d
        chosen = _are_adults(batch, held_out.limbs)
        chosen &= p_mpjpe(points, batch.points_3d, batch.has_3d) < WELL_LOCALIZED_M
        share = _extent(points, batch.has_3d) / _extent(batch.points_3d, batch.has_3d)
        shares.append(share[chosen].cpu())
    known = torch.cat(shares) if shares else torch.zeros(0)
    return float(known.log().mean().exp()) if len(known) >= LEAST_PEOPLE else 1.0


def _are_adults(batch: CropBatch, limbs: Tensor) -> Tensor:
    """Which crops' [P] true legs are long enough."""
    columns = limb_columns(batch, limbs)
    if columns is None:
        return torch.zeros(len(batch), dtype=torch.bool, device=batch.points_3d.device)
    joints = batch.points_3d[:, columns]
    hips, knees, ankles = (
        joints[:, [LIMB_NAMES.index(f"{side}_{name}") for side in ("left", "right")]]
        for name in ("hip", "knee", "ankle")
    )
    legs = distances(hips, knees) + distances(knees, ankles)
    return legs.mean(dim=1) >= ADULT_LEG_M


def _extent(points: Tensor, known: Tensor) -> Tensor:
    """Root mean square distance [P] of the known points from their mean."""
    squares = about_mean(points, known).square().sum(dim=-1).where(known, 0.0)
    return (squares.sum(dim=1) / known.sum(dim=1)).sqrt()
