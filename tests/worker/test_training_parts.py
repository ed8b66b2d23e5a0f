# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps whose crops are worked on in parts at the same time."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from training_fakes import CROPS, SmallModel, SmallSource, SmallTrial, small_batch, small_learner

from nlf_blender.worker.training.crops.batch import CropBatch
from nlf_blender.worker.training.loop.checkpoint import checkpoint_path
from nlf_blender.worker.training.loop.parts import Parts
from nlf_blender.worker.training.loop.settings import LoopSettings, OptimizerSettings
from nlf_blender.worker.training.loop.sitting import Sitting
from nlf_blender.worker.training.loop.source import StepInput
from nlf_blender.worker.training.loop.step import Learner, training_step

SETTINGS = LoopSettings(
    steps=12, optimizer=OptimizerSettings(learning_rate=1e-2), average_decay=0.9, parts=2
)


class PlainModel(SmallModel):
    """Without random numbers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layers[4] = nn.Identity()


class Linear(nn.Module):
    """Crops to points, each crop by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 15)

    def forward(self, batch: CropBatch, frozen: object = None, random: object = None) -> Tensor:
        return self.layer(batch.images.float().mean(dim=(2, 3)) / 255).reshape(-1, 5, 3)


def learner(parts: int, model: nn.Module) -> Learner:
    return small_learner(replace(SETTINGS, parts=parts), model=model)


@pytest.mark.parametrize("parts", [2, 3, 4, 7])
def test_parts_do_what_the_whole_does(parts: int) -> None:
    whole, divided = (learner(count, _seeded(Linear)) for count in (1, parts))
    for step in range(5):
        inputs = StepInput(small_batch(step))
        expected = training_step(whole, SETTINGS, inputs, step)
        found = training_step(divided, SETTINGS, inputs, step)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value)
    for value, same in zip(whole.model.parameters(), divided.model.parameters(), strict=True):
        torch.testing.assert_close(value, same)


def test_twins_have_the_models_weights_and_no_others() -> None:
    divided = learner(3, _seeded(PlainModel))
    start = [parameter.detach().clone() for parameter in divided.model.parameters()]
    training_step(divided, SETTINGS, StepInput(small_batch(0)), 0)
    for same in zip(start, *(model.parameters() for model in divided.parts.models), strict=True):
        assert not torch.equal(same[0], same[1])
        assert len({value.data_ptr() for value in same[1:]}) == 1


def test_statistics_are_the_mean_of_the_parts() -> None:
    norm = nn.BatchNorm1d(2)
    values = torch.randn(CROPS, 2, generator=torch.Generator().manual_seed(0))

    def work(model: nn.Module, inputs: StepInput, part: int) -> None:
        model(values[2 * part : 2 * part + 2])

    Parts(norm, 2).run(work, StepInput(small_batch(0)))
    halves = torch.stack([values[:2].mean(dim=0), values[2:].mean(dim=0)])
    torch.testing.assert_close(norm.running_mean, 0.1 * halves.mean(dim=0))


def test_a_stopped_run_in_parts_goes_on_to_the_same_result(tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert _sitting(whole).run()
    first = _sitting(halves)
    assert not first.run(lambda: first.step == 5)
    second = _sitting(halves)
    assert second.resume()
    assert second.run()
    states = [
        load_file(checkpoint_path(folder / "checkpoints", SETTINGS.steps))
        for folder in (whole, halves)
    ]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_parts_are_worked_on_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)

    def work(model: nn.Module, inputs: StepInput, part: int) -> tuple[int, int]:
        meeting.wait()  # which breaks if one part waits for the other
        return len(inputs.batch), part

    results = Parts(Linear(), 2).run(work, StepInput(small_batch(0)))
    assert results == [(0.5, (CROPS // 2, 0)), (0.5, (CROPS // 2, 1))]


def test_what_one_part_alone_is_told_of_is_its_own_mean() -> None:
    divided = learner(2, _seeded(Linear))

    def loss(result: Tensor, batch: CropBatch, progress: float) -> tuple[Tensor, dict]:
        error = (result - batch.points_3d).norm(dim=-1).mean()
        told = error.detach() if batch.dataset[0] else torch.tensor(torch.nan)
        return error, {"told": told, "never": torch.tensor(torch.nan)}

    batch = replace(small_batch(0), dataset=torch.tensor([0, 0, 1, 1]))
    expected = loss(divided.model(batch[2:4]), batch[2:4], 0.0)[1]["told"]
    terms = training_step(replace(divided, loss=loss), SETTINGS, StepInput(batch), 0)
    torch.testing.assert_close(terms["told"], expected)
    assert terms["never"].isnan()


def test_a_loss_that_is_no_number_in_one_part_is_none_in_all() -> None:
    def loss(result: Tensor, batch: CropBatch, progress: float) -> tuple[Tensor, dict]:
        wrong = torch.nan if batch.dataset[0] else 1.0
        return result.mean() * wrong, {}

    batch = replace(small_batch(0), dataset=torch.tensor([0, 0, 1, 1]))
    divided = replace(learner(2, _seeded(Linear)), loss=loss)
    assert training_step(divided, SETTINGS, StepInput(batch), 0)["loss"].isnan()


def test_an_error_in_a_part_is_raised() -> None:
    def work(model: nn.Module, inputs: StepInput, part: int) -> None:
        if part == 1:
            raise RuntimeError("in the second part")

    with pytest.raises(RuntimeError, match="in the second part"):
        Parts(Linear(), 2).run(work, StepInput(small_batch(0)))


def _seeded(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(3)
    return kind()


def _sitting(folder: Path) -> Sitting:
    torch.set_flush_denormal(True)
    source = SmallSource(torch.device("cpu"))
    return Sitting(SETTINGS, learner(2, _seeded(PlainModel)), source, SmallTrial(), folder)
