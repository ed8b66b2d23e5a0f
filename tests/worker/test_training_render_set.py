# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered sets: the same bytes for the same plan, whole shards kept, failures named."""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks import render_bench

from nlf_blender.errors import UserError
from nlf_blender.worker.training.datasets.layout import INFO_FILE, read_info
from nlf_blender.worker.training.datasets.report import BrokenItem
from nlf_blender.worker.training.datasets.shard_reader import open_dataset
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter
from nlf_blender.worker.training.synthetic import render_command, render_set
from nlf_blender.worker.training.synthetic.annotated import example_name
from nlf_blender.worker.training.synthetic.bodies import open_body, pose_truths
from nlf_blender.worker.training.synthetic.mocap import Take
from nlf_blender.worker.training.synthetic.pose_library import library_of, save_library
from nlf_blender.worker.training.synthetic.render_set import RenderPlan
from nlf_blender.worker.training.synthetic.rendered_source import RenderedSettings

CPU = torch.device("cpu")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RenderPlan:
    plan = RenderPlan(tmp_path_factory.mktemp("sets") / "whole", 10, seed=4, side=64)
    assert render_set.render_set(plan, CPU) == 10
    return plan


def test_examples_hold_the_truth(whole: RenderPlan) -> None:
    examples = open_dataset(whole.out)
    body = open_body()
    assert len(examples) == 10
    for number in range(len(examples)):
        example = examples[number]
        (person,) = example.people
        posed = pose_truths(body, [person.body])
        seen = posed.vertices[0].double().numpy() @ example.intrinsics.T
        pixels = seen[:, :2] / seen[:, 2:]
        left, top, width, height = person.box
        inside = ((pixels > -0.5) & (pixels < 63.5)).all(axis=1)
        assert (pixels[inside] >= [left - 0.01, top - 0.01]).all()
        assert (pixels[inside] <= [left + width + 0.01, top + height + 0.01]).all()
        column, row = np.round(pixels[person.visible]).astype(int).T
        assert person.mask[row, column].mean() > 0.75
        assert example.image().shape == (64, 64, 3)
        assert np.linalg.norm(example.up) == pytest.approx(1, abs=1e-5)


def test_a_set_goes_on_where_it_stopped(
    whole: RenderPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = dataclasses.replace(whole, out=tmp_path / "cut")
    real, calls = render_set.Renderer.examples, []

    def stopping(renderer: render_set.Renderer, batch: int) -> list:
        calls.append(batch)
        if batch == 1:
            raise KeyboardInterrupt
        return real(renderer, batch)

    monkeypatch.setattr(render_set.Renderer, "examples", stopping)
    with pytest.raises(KeyboardInterrupt):
        render_set.render_set(plan, CPU)
    kept = len(open_dataset(plan.out))
    assert 0 < kept < 10
    monkeypatch.setattr(render_set.Renderer, "examples", real)
    assert render_set.render_set(plan, CPU) == 10
    both = [open_dataset(folder) for folder in (whole.out, plan.out)]
    for one, other in zip(*([data[n] for n in range(10)] for data in both), strict=True):
        assert one.name == other.name
        assert np.array_equal(one.image(), other.image())
        assert np.array_equal(one.people[0].visible, other.people[0].visible)


def test_workers_write_the_same_files(whole: RenderPlan, tmp_path: Path) -> None:
    plan = dataclasses.replace(whole, out=tmp_path / "two")
    assert render_set.render_set(plan, CPU, workers=2) == 10
    assert files(plan.out) == files(whole.out)


def test_splits_and_scenes_differ(whole: RenderPlan, tmp_path: Path) -> None:
    held = dataclasses.replace(whole, out=tmp_path / "held", split="held-out", count=2)
    render_set.render_set(held, CPU)
    first, other = open_dataset(whole.out)[0], open_dataset(held.out)[0]
    assert not np.allclose(first.people[0].body.betas, other.people[0].body.betas)
    scenes = dataclasses.replace(
        whole, out=tmp_path / "scenes", scenes=True, size=(160, 90), count=3
    )
    render_set.render_set(scenes, CPU)
    assert {open_dataset(scenes.out)[n].size for n in range(3)} == {(160, 90)}


def test_another_plan_is_not_mixed_in(whole: RenderPlan) -> None:
    with pytest.raises(UserError, match=r"crops of 64 px.*crops of 72 px"):
        render_set.render_set(dataclasses.replace(whole, side=72, count=20), CPU)


def test_what_cannot_be_read_leaves_no_set_behind(tmp_path: Path) -> None:
    plan = RenderPlan(tmp_path / "set", 3, side=64, wardrobe=tmp_path / "none.npz")
    with pytest.raises(UserError, match="No wardrobe"):
        render_set.render_set(plan, CPU)
    assert not (plan.out / INFO_FILE).exists()
    takes = (Take("01_01", "1", np.broadcast_to(np.eye(3), (1, 24, 3, 3))),)
    save_library(library_of(takes), tmp_path / "poses.npz")
    plan = dataclasses.replace(plan, wardrobe=None, motions=(tmp_path / "poses.npz",))
    with pytest.raises(UserError, match="none of 1 takes is held-out"):
        render_set.render_set(dataclasses.replace(plan, split="held-out"), CPU)
    assert render_set.render_set(plan, CPU) == 3  # the folder is free for the right options


def test_two_programs_do_not_write_to_one_set(whole: RenderPlan) -> None:
    with DatasetWriter(whole.out, read_info(whole.out)), pytest.raises(UserError, match="in use"):
        render_set.render_set(dataclasses.replace(whole, count=20), CPU)


def test_a_finished_set_returns_at_once(whole: RenderPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_set, "Renderer", None)
    assert render_set.render_set(whole, CPU) == 10


def test_worker_processes_say_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = RenderPlan(tmp_path / "set", 4, side=64, wardrobe=tmp_path / "gone.npz")
    monkeypatch.setattr(render_set.signal, "signal", lambda *_: None)  # of this process
    mine, theirs = multiprocessing.Pipe(duplex=False)
    render_set._work(plan, None, CPU, range(2), theirs)
    with pytest.raises(UserError, match=r"gone\.npz"):
        render_set._heard(mine)
    theirs.close()
    with pytest.raises(UserError, match="Rendering stopped"):
        render_set._heard(mine)


@pytest.mark.parametrize(
    "wrong",
    (["--crops", "0"], *(["--crops", "5", "--side", side] for side in ("8", "100000"))),
)
def test_impossible_options_are_refused(wrong: list[str], tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    render_command.add_arguments(parser)
    with pytest.raises(UserError, match=" ".join(wrong[-2:])):
        render_command.run(parser.parse_args(["--out", str(tmp_path), *wrong]))


def test_the_command_tells_its_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    render_command.add_arguments(parser)
    arguments = ["--out", str(tmp_path / "set"), "--crops", "2", "--side", "64", "--device", "cpu"]
    assert render_command.run(parser.parse_args(arguments)) == 0
    assert "2 crops" in capsys.readouterr().out


def test_pictures_can_be_drawn_as_training_asks(whole: RenderPlan) -> None:
    source = RenderedSettings(whole).open()
    random = np.random.default_rng(1)
    dataset = open_dataset(whole.out)
    stored = {dataset[row].name: dataset[row] for row in range(10)}
    seen = 0
    for position in (3, 1, 9):
        try:
            number, example = source.draw(random, position)
        except BrokenItem as error:
            assert example_name(position, scenes=False) not in stored
            assert f"picture {position}" in str(error)
            continue
        assert number == 0
        kept = stored[example.name]
        # what is stored went through JPEG
        assert np.abs(example.image().astype(int) - kept.image()).mean() < 4
        assert np.array_equal(example.people[0].visible, kept.people[0].visible)
        seen += 1
    assert seen


def test_the_benchmark_names_its_steps(tmp_path: Path) -> None:
    options = argparse.Namespace(
        crops=2, scenes=None, side=64, batch=2, wardrobe=None, motions=()
    )  # fmt: skip
    rows = render_bench.measure(options, CPU, tmp_path)
    assert [row["step"] for row in rows] == [
        "arrange people", "dress and draw them", "truth", "encode and write", "all",
    ]  # fmt: skip
    assert sum(row["ms"] for row in rows[:-1]) == pytest.approx(rows[-1]["ms"])
