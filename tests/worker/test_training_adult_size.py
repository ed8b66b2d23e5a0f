# SPDX-License-Identifier: GPL-3.0-or-later
"""The size that grown-up people are localized with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_batches import crop_batch, right_answer

from nlf_blender.worker.evaluation.limbs import LIMB_NAMES
from nlf_blender.worker.training.crops.batch import CropBatch, Queries
from nlf_blender.worker.training.datasets.joint_places import place_of
from nlf_blender.worker.training.loop.source import StepInput
from nlf_blender.worker.training.loop.trial import HeldOut
from nlf_blender.worker.training.model.localization import Localization
from nlf_blender.worker.training.recipes.adult_size import LEAST_PEOPLE, adult_size

LIMBS = np.stack([place_of("open24", name) for name in LIMB_NAMES])


@dataclass
class Answer:
    """Says that everybody is so large, and that some are nowhere near."""

    size: float
    lost: Tensor

    def __call__(self, batch: CropBatch, frozen: None, random: None) -> Localization:
        right = right_answer(batch)
        points = right.points_3d * self.size
        noise = torch.randn(points.shape, generator=torch.Generator().manual_seed(1))
        points = torch.where(self.lost[:, None, None], noise, points)
        return Localization(replace(right, points_3d=points), 256, 32, {})


def held_out(sizes: list[float]) -> HeldOut:
    """Crops of people in the canonical pose, so many times as large."""
    body = torch.from_numpy(LIMBS).float()
    points = torch.stack([body * size for size in sizes]) + torch.tensor([0.0, 0.0, 4.0])
    batch = crop_batch(points, [300.0] * len(sizes))
    places = Queries(torch.from_numpy(LIMBS).float(), batch.queries.joints)
    columns = torch.arange(len(LIMBS)).repeat(len(sizes), 1)
    return HeldOut([StepInput(replace(batch, queries=places, columns=columns))], LIMBS)


def lost(count: int, chosen: tuple[int, ...] = ()) -> Tensor:
    return torch.tensor([number in chosen for number in range(count)])


def test_adults_who_are_well_localized_tell_the_size() -> None:
    sizes = [0.95 + 0.005 * number for number in range(LEAST_PEOPLE + 1)]
    model: nn.Module = Answer(0.97, lost(len(sizes), (3,)))  # type: ignore[assignment]
    assert adult_size(model, held_out(sizes)) == pytest.approx(0.97, abs=1e-4)


def test_children_and_a_few_people_do_not() -> None:
    few: nn.Module = Answer(0.9, lost(LEAST_PEOPLE - 1))  # type: ignore[assignment]
    assert adult_size(few, held_out([1.0] * (LEAST_PEOPLE - 1))) == 1.0
    children: nn.Module = Answer(0.9, lost(LEAST_PEOPLE + 9))  # type: ignore[assignment]
    assert adult_size(children, held_out([0.7] * (LEAST_PEOPLE + 9))) == 1.0
