# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs by the command line: settings, training, stopping, caches, export."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
from safetensors import safe_open
from training_sets import write_set

from nlf_blender.errors import UserError
from nlf_blender.worker.command_line import main
from nlf_blender.worker.nlf.native_file import read_native
from nlf_blender.worker.training.loop.checkpoint import checkpoints
from nlf_blender.worker.training.loop.curves import Table
from nlf_blender.worker.training.loop.run_file import read_run_settings

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


def test_a_run_from_settings_to_a_model_file(sets: Path, tmp_path: Path) -> None:
    settings = write_config(tmp_path / "config.json", config(sets))
    run, model = tmp_path / "run", tmp_path / "model.safetensors"
    assert main(["train", "run", str(settings), "--out", str(run), *MACHINE]) == 0
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
    assert provenance["crops"] == 24


def test_a_run_starts_from_another_ones_model(sets: Path, tmp_path: Path) -> None:
    first = write_config(tmp_path / "first.json", config(sets, steps=3))
    assert main(["train", "run", str(first), "--out", str(tmp_path / "a"), *MACHINE]) == 0
    model = tmp_path / "a.safetensors"
    assert main(["train", "export", str(tmp_path / "a"), "--out", str(model)]) == 0
    for start in ("a", "a.safetensors"):
        second = config(sets, steps=1, start=start) | {"training": {"steps": 1}}
        second["training"]["optimizer"] = {"learning_rate": 1e-9}
        path = write_config(tmp_path / f"from_{start}.json", second)
        out = tmp_path / f"from_{start}"
        assert main(["train", "run", str(path), "--out", str(out), *MACHINE]) == 0
        (before,) = Table(tmp_path / "a" / "curves" / "validation.csv").rows()
        (after,) = Table(out / "curves" / "validation.csv").rows()
        assert after["points_mm"] == pytest.approx(before["points_mm"], rel=0.02)


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
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_config(tmp_path / "config.json", config(sets, steps=3))
    command = ["train", "run", str(settings), "--out", str(tmp_path / "run"), *MACHINE]
    assert main(command) == 0
    assert main(command) == 1
    assert "--resume" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    write_config(settings, config(sets, steps=4))
    assert main([*command, "--resume"]) == 1
    assert "other settings of training" in capsys.readouterr().err


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
