# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop: steps, averages, checkpoints, resuming, curves."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import load_file
from training_fakes import SmallSource, SmallTrial, small_learner

from nlf_blender.worker.training.loop.average import WeightAverage
from nlf_blender.worker.training.loop.checkpoint import checkpoint_path, checkpoints
from nlf_blender.worker.training.loop.curves import Table
from nlf_blender.worker.training.loop.meter import share_from
from nlf_blender.worker.training.loop.schedule import rate_share
from nlf_blender.worker.training.loop.settings import (
    LoopSettings,
    OptimizerSettings,
    OutputSettings,
    Precision,
    ScheduleSettings,
)
from nlf_blender.worker.training.loop.sitting import Sitting

OUTPUT = OutputSettings(curves_every=4, trial_every=10, checkpoint_every=7, keep=2)
SETTINGS = LoopSettings(
    steps=24, optimizer=OptimizerSettings(learning_rate=1e-2), output=OUTPUT, average_decay=0.9
)


DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def sitting(folder: Path, settings: LoopSettings = SETTINGS, device: str = "cpu") -> Sitting:
    torch.set_num_threads(1)  # in this process and in one that is killed alike: to the last bit
    torch.set_flush_denormal(True)
    source = SmallSource(torch.device(device))
    return Sitting(settings, small_learner(settings, device), source, SmallTrial(), folder)


def final_tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(checkpoint_path(folder / "checkpoints", SETTINGS.steps))


def same_result(first: Path, second: Path) -> bool:
    tensors, others = final_tensors(first), final_tensors(second)
    same = all(torch.equal(value, others[name]) for name, value in tensors.items())
    tables = [(f / "curves" / "training.csv").read_text() for f in (first, second)]
    return same and tensors.keys() == others.keys() and tables[0] == tables[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert sitting(folder).run()
    return folder


def test_training_lowers_the_error_and_writes_it_down(whole: Path) -> None:
    rows = Table(whole / "curves" / "training.csv").rows()
    assert [row["step"] for row in rows] == [4, 8, 12, 16, 20, 24]
    assert rows[-1]["error"] < 0.6 * rows[0]["error"]
    tried = Table(whole / "curves" / "validation.csv").rows()
    assert [row["step"] for row in tried] == [10, 20, 24]
    assert cv2.imread(str(whole / "curves.png")).std() > 5
    assert len(list((whole / "samples").glob("*.jpg"))) == 3
    report = json.loads((whole / "report.json").read_text())
    assert report["steps"] == 24
    assert report["sitting"]["crops_per_second"] > 0
    assert [path.stem for path in checkpoints(whole / "checkpoints")] == [
        "step_00000021",
        "step_00000024",
    ]


@pytest.mark.parametrize("stop", [1, 7, 13, 23])
def test_a_stopped_run_goes_on_to_the_same_result(whole: Path, tmp_path: Path, stop: int) -> None:
    first = sitting(tmp_path)
    assert not first.run(lambda: first.step == stop)
    second = sitting(tmp_path)
    assert second.resume()
    assert second.step == stop
    assert second.run()
    assert same_result(whole, tmp_path)


def test_a_killed_run_goes_on_to_the_same_result(whole: Path, tmp_path: Path) -> None:
    """Killed without warning, in any step: it resumes at the last checkpoint."""
    command = [sys.executable, str(Path(__file__).with_name("training_victim.py")), str(tmp_path)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while not checkpoints(tmp_path / "checkpoints") and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoints(tmp_path / "checkpoints")
    assert not (tmp_path / "report.json").exists()
    again = sitting(tmp_path)
    assert again.resume()
    assert again.step in (7, 14, 21)
    again.run()
    assert same_result(whole, tmp_path)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains_too(tmp_path: Path, device: str, precision: Precision) -> None:
    if (device, precision) == ("cpu", "float16"):
        pytest.skip("float16 is for GPUs")
    settings = replace(SETTINGS, precision=precision)
    run = sitting(tmp_path, settings, device)
    run.run(lambda: run.step == 9)
    again = sitting(tmp_path, settings, device)
    assert again.resume()
    assert again.learner.scaler.get_scale() == run.learner.scaler.get_scale()
    assert again.run()
    rows = Table(tmp_path / "curves" / "training.csv").rows()
    assert rows[-1]["error"] < 0.7 * rows[0]["error"]
    assert all(p.dtype == torch.float32 for p in again.learner.model.parameters())


def test_another_seed_gives_another_result(whole: Path, tmp_path: Path) -> None:
    sitting(tmp_path, replace(SETTINGS, seed=1)).run()
    assert not same_result(whole, tmp_path)


def test_sources_are_closed_however_a_run_ends(tmp_path: Path) -> None:
    run = sitting(tmp_path)
    run.run(lambda: run.step == 2)
    assert isinstance(run.source, SmallSource) and run.source.closed == 1


def test_the_average_follows_and_lags() -> None:
    model = torch.nn.Linear(1, 1)
    average = WeightAverage(model, 0.5)
    with torch.no_grad():
        model.weight.fill_(10.0)
        average.model.weight.fill_(0.0)
    average.update(1000)
    assert float(average.model.weight) == pytest.approx(5.0)
    average.update(0)
    assert float(average.model.weight) == pytest.approx(9.5)


def test_the_rate_rises_then_falls() -> None:
    shape = ScheduleSettings(warmup=0.2, start=0.1, end=0.01)
    shares = [rate_share(shape, step, 100) for step in range(100)]
    assert shares.index(max(shares)) in (19, 20)
    assert max(shares) == pytest.approx(1.0)
    assert 0.1 < shares[0] < 0.15
    assert shares[-1] == pytest.approx(0.01)
    assert all(a >= b for a, b in itertools.pairwise(shares[20:]))


def test_a_gpus_own_word_on_how_busy_it_is() -> None:
    assert share_from("93 %\n") == pytest.approx(0.93)
    assert share_from("[N/A]\n") is None
