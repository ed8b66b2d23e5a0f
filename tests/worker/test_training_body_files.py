# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets annotated with bodies of SMPL's family whose files the run does not name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from crop_examples import DotBodies, dot_example, skeleton_example

from nlf_blender.errors import UserError
from nlf_blender.worker.assets import OPEN_BODY
from nlf_blender.worker.command_line import main
from nlf_blender.worker.training.crops.loader import CropLoader
from nlf_blender.worker.training.crops.picture_bank import BankSettings
from nlf_blender.worker.training.crops.plan import CropPlan
from nlf_blender.worker.training.crops.settings import CropSettings
from nlf_blender.worker.training.datasets.example import BodyTruth, Example
from nlf_blender.worker.training.datasets.layout import DatasetInfo
from nlf_blender.worker.training.datasets.mixing import MixtureSettings
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter
from nlf_blender.worker.training.loop.body_files import sets_without_body_files
from nlf_blender.worker.training.loop.run_file import read_run_settings
from nlf_blender.worker.training.points.body_files import no_body_file, no_gender_file

TURNS = np.tile(np.eye(3), (24, 1, 1))
MACHINE = ["--device", "cpu", "--threads", "1"]


def smpl_example(name: str, gender: str) -> Example:
    """Somebody of whom SMPL's parameters are known, and nothing else."""
    example = dot_example(name)
    body = BodyTruth("smpl", np.zeros(10), TURNS, np.array([0.3, 0.1, 3.4]), gender)
    return replace(example, people=(replace(example.people[0], mesh=None, body=body),))


def write(folder: Path, *examples: Example) -> Path:
    with DatasetWriter(folder, DatasetInfo(folder.name, body_kinds=("open", "smpl"))) as writer:
        for example in examples:
            writer.add(example)
    return folder


def loader_of(*folders: Path) -> CropLoader:
    settings = CropSettings(points=8, bank=BankSettings(examples=0))
    return CropLoader(CropPlan(MixtureSettings(folders), DotBodies(), settings, 64, True, 4, 1))


def config(tmp_path: Path, **data: object) -> Path:
    """A run's file whose set is "motions", beside it."""
    path = tmp_path / "run.json"
    settings = {
        "format": "nlf_blender training",
        "version": 1,
        "name": "test model",
        "data": {"sets": [{"path": "motions"}], "crops_per_step": 2, "workers": 0} | data,
        "model": {"backbone": "tiny"},
        "training": {"steps": 1},
    }
    path.write_text(json.dumps(settings))
    return path


def test_the_error_says_which_file_to_name_where(tmp_path: Path) -> None:
    genders = ("male", "female")
    folder = write(tmp_path / "motions", *(smpl_example(name, name) for name in genders))
    with pytest.raises(UserError, match="200 items in a row") as told:
        next(loader_of(folder).batches())
    assert told.value.title == "No usable training data"
    assert "Body file not given: An annotation is of the body SMPL; " in told.value.detail
    for named in ("SMPL_MALE.pkl", "SMPL_FEMALE.pkl", "data.bodies of the run file"):
        assert named in told.value.fix


def test_items_that_are_left_out_beside_others_are_reported_with_the_file(tmp_path: Path) -> None:
    bodies = write(tmp_path / "motions", smpl_example("one", "neutral"))
    loader = loader_of(bodies, write(tmp_path / "joints", skeleton_example("two")))
    next(loader.batches())
    assert set(loader.skipped) == {"Body file not given"}
    reason = loader.skipped_items["motions, one"]
    assert "SMPL_NEUTRAL.pkl" in reason and "data.bodies" in reason


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (no_body_file("smplx", "male", ["open"]), r"Add SMPL-X's male file \(SMPLX_MALE\.npz or "),
        (
            no_body_file("own", "neutral", ["open"]),
            r"Add the file of the body .own. to data",
        ),
        (no_gender_file("smplh", "female", ["male"]), r"Add SMPL-H's female file \(SMPLH_FEMALE"),
        (no_gender_file("open", "male", ["neutral"]), "Mend the annotation"),
    ],
)
def test_the_file_is_called_as_its_publisher_does(error: UserError, fix: str) -> None:
    with pytest.raises(UserError, match=fix):
        raise error


def test_sets_that_want_a_file_are_told_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "motions", smpl_example("one", "neutral"))
    lacking = sets_without_body_files(read_run_settings(config(tmp_path)))
    assert list(lacking) == ["motions, bodies of SMPL"]
    assert "SMPL_NEUTRAL.pkl" in lacking["motions, bodies of SMPL"]
    assert "to data.bodies of the run file" in capsys.readouterr().err
    named = config(tmp_path, bodies=[str(OPEN_BODY)])  # of SMPL's layout
    assert sets_without_body_files(read_run_settings(named)) == {}


def test_the_command_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "motions", smpl_example("one", "male"))
    path = config(tmp_path, crops={"points": 64, "bank": {"examples": 0}})
    assert main(["train", "run", str(path), "--out", str(tmp_path / "run"), *MACHINE]) != 0
    said = capsys.readouterr().err
    assert "No usable training data" in said and "SMPL_MALE.pkl" in said
    assert said.count("data.bodies of the run file") >= 2
