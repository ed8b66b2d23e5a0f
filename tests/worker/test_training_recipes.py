# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole trainings as one command: stages, the default model, comparisons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from training_fakes import CROPS, POINTS, small_batch

from nlf_blender.worker.command_line import main
from nlf_blender.worker.nlf.native_file import read_native
from nlf_blender.worker.training.loop.source import StepInput
from nlf_blender.worker.training.loop.telling import progress_printer
from nlf_blender.worker.training.plain_settings import read_settings, settings_text
from nlf_blender.worker.training.recipes.ablation_table import table_lines
from nlf_blender.worker.training.recipes.ablations import variants
from nlf_blender.worker.training.recipes.default_model import (
    CPU,
    GPU,
    cpu_settings,
    gpu_settings,
)
from nlf_blender.worker.training.recipes.stages import Stage, run_stages
from nlf_blender.worker.training.recipes.withheld import WithheldTruth

LEADING = 2


class Numbered:
    """Batches whose crops have the numbers 0, 1, ... of a cache."""

    def batches(self, first: int) -> Iterator[StepInput]:
        while True:
            rows = np.arange(first * CROPS, (first + 1) * CROPS)
            batch = replace(small_batch(first), landmarks_3d=torch.zeros(CROPS, 33, 3))
            yield StepInput(batch, rows=rows)
            first += 1


def test_stages_go_on_where_they_stopped(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    done: list[str] = []

    def stage(name: str, asked: int, works: bool = True) -> Stage:
        return Stage(name, asked, 90.0, lambda: done.append(name) is None and works)

    assert not run_stages([stage("a", 1), stage("b", 1, works=False), stage("c", 1)], tmp_path)
    assert done == ["a", "b"]
    assert "about 4 min" in capsys.readouterr().err  # 3 x 90 s
    assert run_stages([stage("a", 1), stage("b", 1), stage("c", 1)], tmp_path)
    assert done == ["a", "b", "b", "c"]
    assert run_stages([stage("a", 1), stage("b", 2), stage("c", 1)], tmp_path)
    assert done == ["a", "b", "b", "c", "b", "c"]  # c came of b


def test_withheld_truth_is_unknown_and_nothing_else_changes() -> None:
    kinds = ("mesh", "skeleton", "pixels")
    whole, some = (
        next(islice(source.batches(3), 1)).batch
        for source in (Numbered(), WithheldTruth(Numbered(), kinds, LEADING))
    )
    expected = [kinds[row % 3] for row in range(3 * CROPS, 4 * CROPS)]
    for crop, kind in enumerate(expected):
        leading = torch.arange(POINTS) < LEADING
        kept = torch.ones(POINTS, dtype=torch.bool) if kind == "mesh" else leading
        assert torch.equal(some.has_3d[crop], kept & (kind != "pixels"))
        assert torch.equal(some.has_2d[crop], kept)
        assert bool(some.absolute[crop]) == (kind != "pixels")
        assert bool(some.landmarks_3d[crop].isnan().any()) == (kind != "mesh")
    assert torch.equal(whole.points_3d, some.points_3d)
    assert set(expected) == set(kinds)


def test_variants_differ_in_one_thing() -> None:
    base = cpu_settings(Path("/work"), CPU, 1)
    for topic, changed in (("encodings", "model"), ("losses", "loss")):
        rows = variants(topic, base)
        assert len({getattr(row.settings, changed) for row in rows}) == 3
        assert all(
            replace(row.settings, **{changed: getattr(base, changed)}) == base for row in rows
        )
    rows = variants("data", base)
    assert all(row.settings == base for row in rows)
    assert len({row.annotations for row in rows}) == 4


def test_a_table_has_a_row_per_variant() -> None:
    results = [
        {"name": "NLL", "mean": {"limbs_p_mm": 123.44, "box_percent": 3.126}},
        {
            "name": "Euclidean",
            "mean": {"limbs_p_mm": 100.0},
            "standard_deviation": {"limbs_p_mm": 2.04},
        },
    ]
    lines = table_lines("loss", results)
    assert len(lines) == 4
    assert lines[2].startswith("| NLL | 123.4 |") and "| 3.13 |" in lines[2]
    assert lines[3].startswith("| Euclidean | 100.0 ± 2.0 |")
    assert len({line.count("|") for line in lines}) == 1


@pytest.mark.parametrize("number", range(2))
def test_recipes_settings_can_be_read_back(tmp_path: Path, number: int) -> None:
    settings = (
        cpu_settings(tmp_path, CPU, 1),
        gpu_settings(tmp_path, GPU, 8),
    )[number]
    path = tmp_path / "settings.json"
    path.write_text(settings_text(settings))
    assert read_settings(type(settings), path) == settings


def test_the_default_model_comes_of_one_command(tmp_path: Path) -> None:
    """At its smallest; drawn poses and painted clothes."""
    sizes = {"crops": 8, "held-out": 2, "cached": 8, "steps": 2}
    command = ["train", "default-model", "--on", "cpu", "--work", str(tmp_path), "--workers", "0"]
    command += ["--device", "cpu", "--threads", "1"]
    for name, value in sizes.items():
        command += [f"--{name}", str(value)]
    assert main(command) == 0
    model = read_native(tmp_path / "default_model.safetensors")
    assert model.backbone.name == "blazepose_heavy_adapted"
    evaluation = json.loads((tmp_path / "evaluation.json").read_text())
    assert evaluation
    marks = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "done").iterdir()}
    assert len(marks) == 6
    assert main(command) == 0
    again = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "done").iterdir()}
    assert again == marks


def test_a_comparison_is_one_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["train", "ablation", "losses", "--work", str(tmp_path), "--workers", "0"]
    command += ["--crops", "32", "--held-out-crops", "4", "--steps", "1"]
    assert main([*command, "--device", "cpu", "--threads", "1"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["Euclidean", "NLL", "beta-NLL"]
    data = json.loads((tmp_path / "losses.json").read_text())
    assert all(row["mean"]["limbs_p_mm"] > 0 for row in data["results"])
    assert (tmp_path / "losses.md").read_text().splitlines() == lines


@pytest.mark.parametrize(
    "command",
    (
        ["ablation", "losses", "--steps", "0"],
        ["ablation", "losses", "--seeds", "-1"],
        ["default-model", "--on", "cpu", "--held-out", "0"],
    ),
)
def test_impossible_counts_are_refused_before_any_work(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture
) -> None:
    assert main(["train", *command, "--work", str(tmp_path / "work")]) == 1
    assert f"{command[-2]} {command[-1]} (at least 1)" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_comparison_on_a_set_that_is_gone_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    command = ["--work", str(tmp_path), "--set", str(tmp_path / "gone"), "--device", "cpu"]
    command += ["--held-out", str(tmp_path / "gone")]
    assert main(["train", "ablation", "losses", *command]) == 1
    assert "gone has no dataset.json" in capsys.readouterr().err


def test_progress_is_told_at_the_beginning_and_at_the_end(capsys: pytest.CaptureFixture) -> None:
    show = progress_printer("crops")
    for done in range(101):
        show(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["crops: 0/100", "crops: 100/100"]
