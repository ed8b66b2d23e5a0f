# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny model over-fits a few drawn crops, and knows that it does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from training_batches import crop_batch

from nlf_blender.worker.training.crops.batch import CropBatch, Queries
from nlf_blender.worker.training.losses.geometry import project
from nlf_blender.worker.training.losses.settings import LossSettings
from nlf_blender.worker.training.losses.total import training_loss
from nlf_blender.worker.training.model.settings import ModelSettings
from nlf_blender.worker.training.model.trained import build_model

torch.set_num_threads(1)


def painted_crops() -> CropBatch:
    """Eight crops of drawn people: 40 points, each a spot of its own colour, turned and bent
    differently in every crop."""
    random = torch.Generator().manual_seed(0)
    places = torch.rand(40, 3, generator=random) - 0.5
    turns = torch.linalg.qr(torch.randn(8, 3, 3, generator=random))[0]
    turns = turns * torch.linalg.det(turns)[:, None, None]
    points = places @ turns + 0.2 * torch.sin(4 * places @ turns.flip(0))
    points = points + torch.tensor([0.0, 0.0, 4.0])
    batch = crop_batch(points, [330.0] * 8, side=128)
    pixels = project(points, batch.intrinsics)
    grid = torch.stack(torch.meshgrid(*[torch.arange(128.0)] * 2, indexing="xy"), dim=-1)
    near = torch.exp(-(grid[None, None] - pixels[:, :, None, None]).square().sum(-1) / 18)
    images = torch.einsum("pnhw,nc->pchw", near, places + 0.5).clamp(0, 1)
    queries = Queries(places, batch.queries.joints)
    return replace(batch, images=(255 * images).byte(), queries=queries)


@pytest.mark.parametrize(
    ("encoding", "least_mm", "most_mm"), [("gps", 0.0, 60.0), ("coordinates", 60.0, 200.0)]
)
def test_a_tiny_model_learns_eight_crops_by_heart_and_is_sure_of_them(
    encoding: str, least_mm: float, most_mm: float
) -> None:
    """Signatures, which part points from the start, are learnt from quicker than coordinates."""
    batch, settings, steps = painted_crops(), LossSettings(absolute_from=0.5), 50
    torch.manual_seed(0)
    model = build_model(ModelSettings("tiny", encoding)).train()
    groups = model.parameter_groups(2e-3, 0.0)
    optimizer = torch.optim.AdamW(groups)
    rates = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
    history = []
    for step in range(steps):
        loss, terms = training_loss(model(batch), batch, settings, step / steps)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        history.append({name: value.item() for name, value in terms.items()})
    first, last = history[0], history[-1]
    assert first["error_3d_mm"] > 500
    assert least_mm < last["error_3d_mm"] < most_mm
    assert last["error_2d_px"] < most_mm / 10
    assert first["uncertainty_mm"] == pytest.approx(300, abs=3)
    assert 0.5 * last["error_3d_mm"] < last["uncertainty_mm"] < 3 * last["error_3d_mm"]
    assert last["absolute_3d"] < 0.1
