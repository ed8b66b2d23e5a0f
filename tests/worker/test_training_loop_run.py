# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs by the command line: settings, training, stopping, caches, export."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from training_sets import write_set

from nlf_blender.errors import UserError
from nlf_blender.worker.command_line import main
from nlf_blender.worker.nlf.native_file import read_native
from nlf_blender.worker.training.loop.assembly import open_run
from nlf_blender.worker.training.loop.checkpoint import checkpoints
from nlf_blender.worker.training.loop.curves import Table
from nlf_blender.worker.training.loop.run_file import read_run_settings
from nlf_blender.worker.training.loop.run_folder import locked_run

ENTRY = Path(__file__).parents[2] / "nlf_blender" / "worker" / "__main__.py"
MACHINE = ["--device", "cpu", "--threads", "1"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_set(folder / "train", 12)
    write_set(folder / "held", 6, seed=1)
    return folder


def config(sets: Path, steps: int = 6, **changes: Any) -> dict[str, Any]:
    return {
        "format": "nlf_blender training",
        "version": 1,
        "name": "test model",
        "data": {
            "sets": [{"path": str(sets / "train")}],
            "crops_per_step": 4,
            "workers": 0,
            "crops": {"points": 64, "bank": {"examples": 0}},
        },
        "validation": {"sets": [{"path": str(sets / "held")}], "crops": 6},
        "model": {"backbone": "tiny"},
        "training": {
            "steps": steps,
            "output": {"curves_every": 3, "trial_every": 6, "checkpoint_every": 3},
        },
    } | changes


def write_config(path: Path, data: dict[str, Any]) -> Path:
    path.write_text(json.dumps(data))
    return path


@pytest.fixture(scope="module")
def run(sets: Path) -> Path:
    """A run's folder beside its settings."""
    settings = write_config(sets / "config.json", config(sets))
    folder = sets / "run"
    assert main(["train", "run", str(settings), "--out", str(folder), *MACHINE]) == 0
    return folder


def test_a_run_from_settings_to_a_model_file(run: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    (row,) = Table(run / "curves" / "validation.csv").rows()
    assert row["limbs_p_mm"] > 0 and row["box_percent"] > 0
    assert cv2.imread(str(run / "samples" / "step_00000006.jpg")).std() > 5
    assert main(["train", "export", str(run), "--out", str(model)]) == 0
    localizer = read_native(model)
    assert localizer.info.name == "test model"
    with safe_open(str(model), framework="pt") as file:
        notes = file.metadata()
    assert json.loads(notes["figures"])["steps"] == 6
    provenance = json.loads(notes["provenance"])
    assert provenance["sets"] == [{"name": "train", "license": "CC0-1.0", "weight": 1.0}]
    assert provenance["crops"] == 24 and provenance["start"] is None


@pytest.mark.parametrize("kind", ["run", "file"])
def test_a_run_starts_from_another_ones_model(
    sets: Path, run: Path, tmp_path: Path, kind: str
) -> None:
    start = run
    if kind == "file":
        start = tmp_path / "a.safetensors"
        assert main(["train", "export", str(run), "--out", str(start)]) == 0
    second = config(sets, start=str(start))
    second["training"] = {"steps": 1, "optimizer": {"learning_rate": 1e-9}}
    path, out = write_config(tmp_path / "second.json", second), tmp_path / "second"
    assert main(["train", "run", str(path), "--out", str(out), *MACHINE]) == 0
    (before,) = Table(run / "curves" / "validation.csv").rows()
    (after,) = Table(out / "curves" / "validation.csv").rows()
    assert after["points_mm"] == pytest.approx(before["points_mm"], rel=0.02)
    model = tmp_path / "model.safetensors"
    assert main(["train", "export", str(out), "--out", str(model)]) == 0
    with safe_open(str(model), framework="pt") as file:
        begun = json.loads(file.metadata()["provenance"])["start"]
    assert begun.get("crops") == (24 if kind == "run" else None)
    assert begun.get("file") == (None if kind == "run" else "a.safetensors")


def test_a_stopped_run_goes_on_to_the_same_weights(sets: Path, run: Path, tmp_path: Path) -> None:
    """With other worker processes than before."""
    settings = read_run_settings(sets / "config.json")
    beside = replace(settings, data=replace(settings.data, workers=1))
    first = open_run(beside, tmp_path / "run", resume=False, device=torch.device("cpu"))
    assert not first.run(lambda: first.step == 4)
    command = ["train", "run", str(sets / "config.json"), "--out", str(tmp_path / "run")]
    assert main([*command, "--resume", *MACHINE]) == 0
    whole, resumed = (
        load_file(checkpoints(folder / "checkpoints")[-1]) for folder in (run, tmp_path / "run")
    )
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_writes_a_checkpoint_and_says_how_to_go_on(sets: Path, tmp_path: Path) -> None:
    settings = write_config(tmp_path / "config.json", config(sets, steps=100_000))
    run = tmp_path / "run"
    command = [sys.executable, str(ENTRY), "train", "run", str(settings), "--out", str(run)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *MACHINE], stderr=subprocess.PIPE, text=True, env=environment
    )
    deadline = time.monotonic() + 90
    while not checkpoints(run / "checkpoints") and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"to go on: worker train run {settings} --out {run} --resume" in said
    step = json.loads((run / "report.json").read_text())["steps"]
    assert checkpoints(run / "checkpoints")[-1].stem == f"step_{step:08d}"


def test_a_run_is_not_begun_over_another(
    sets: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--out", str(run), *MACHINE]
    assert main(["train", "run", str(sets / "config.json"), *command]) == 1
    assert "--resume" in capsys.readouterr().err
    other = write_config(tmp_path / "config.json", config(sets, steps=4))
    assert main(["train", "run", str(other), *command, "--resume"]) == 1
    assert "other settings of training" in capsys.readouterr().err


def test_a_run_that_failed_at_its_start_does_not_keep_its_folder(
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "run", str(tmp_path / "c.json"), "--out", str(tmp_path / "run"), *MACHINE]
    write_config(tmp_path / "c.json", config(sets, start="gone.safetensors"))
    assert main(command) == 1
    assert "gone.safetensors" in capsys.readouterr().err
    write_config(tmp_path / "c.json", config(sets, steps=1))
    assert main(command) == 0


def test_two_programs_do_not_train_in_one_folder(
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked_run(tmp_path / "run"):
        path = write_config(tmp_path / "c.json", config(sets))
        assert main(["train", "run", str(path), "--out", str(tmp_path / "run"), *MACHINE]) == 1
    assert "Run in use" in capsys.readouterr().err


def test_a_shard_that_is_cut_short_is_said_and_the_rest_trained_on(
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(sets / "train", tmp_path / "train")
    shard = next((tmp_path / "train").glob("*.tar"))
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    path = write_config(tmp_path / "c.json", config(tmp_path, steps=1, validation={}))
    assert main(["train", "run", str(path), "--out", str(tmp_path / "run"), *MACHINE]) == 0
    assert "shard cut short" in capsys.readouterr().err
    assert "shard cut short" in str(json.loads((tmp_path / "run/report.json").read_text()))


def test_cached_features_train_the_rest(sets: Path, tmp_path: Path) -> None:
    data = config(sets)
    data["model"] = {"backbone": "blazepose_heavy"}
    data["data"]["crops"]["shared_points"] = True
    data["data"]["features"] = {"folder": "cache", "crops": 8, "points": 32}
    data["validation"] |= {"features": "held_cache", "crops": 4}
    settings = write_config(tmp_path / "config.json", data)
    assert main(["train", "features", str(settings), *MACHINE]) == 0
    assert len(list((tmp_path / "cache").glob("block_*"))) == 1
    run = tmp_path / "run"
    assert main(["train", "run", str(settings), "--out", str(run), *MACHINE]) == 0
    assert cv2.imread(str(run / "samples" / "step_00000006.jpg")).std() > 5
    (row,) = Table(run / "curves" / "validation.csv").rows()
    assert row["limbs_p_mm"] > 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"step": 3}, "step is unknown"),
        ({"version": 2}, "version is 2"),
        ({"training": {"steps": 0}}, "training: steps is 0"),
        ({"training": {}}, "training.steps is missing"),
        ({"training": {"steps": 1.5}}, "training.steps is 1.5"),
        ({"data": {"sets": []}}, "data: sets is empty"),
        ({"data": {"sets": [{"path": "x", "weight": -1}]}}, r"data.sets\[0\]: weight is -1"),
        ({"model": {"backbone": "resnet"}}, "model.backbone is 'resnet'"),
        ({"training": {"steps": 3, "optimizer": {"learning_rate": "fast"}}}, "learning_rate"),
        ({"training": {"steps": 3, "optimizer": {"betas": [0.9, 1.5]}}}, "betas are"),
        ({"training": {"steps": 3, "seed": 1 << 70}}, "training: seed is"),
        ({"data": {"sets": [{"path": "x"}], "crops_per_step": 10**9}}, "crops_per_step is from 1"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    path = write_config(tmp_path / "c.json", config(tmp_path) | change)
    with pytest.raises(UserError, match=named):
        read_run_settings(path)


def test_paths_are_relative_to_the_settings(tmp_path: Path) -> None:
    data = config(tmp_path)
    data["data"]["sets"] = [{"path": "here"}]
    settings = read_run_settings(write_config(tmp_path / "c.json", data))
    assert settings.data.sets[0].path == str(tmp_path / "here")


def test_the_command_line_knows_of_training_without_loading_it() -> None:
    code = (
        "import sys; from nlf_blender.worker import command_line as line; line._parser();"
        "print([name for name in ('torch', 'cv2', 'scipy') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ENTRY.parents[2]
    )
    assert answer.stdout.strip() == "[]", answer.stderr
