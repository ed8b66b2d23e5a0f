# SPDX-License-Identifier: GPL-3.0-or-later
"""`worker convert-model`: an official file in, one safetensors file out, or what is in the way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torchscript_stand_in import POINTS, StandIn

from nlf_blender.protocol.files import file_sha256
from nlf_blender.worker.command_line import main
from nlf_blender.worker.nlf.checkpoints import read_localizer
from nlf_blender.worker.nlf.official.torchscript import load_torchscript

PACKAGE = Path(__file__).resolve().parents[2] / "nlf_blender"
Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture(scope="module")
def file(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_in.write(tmp_path_factory.mktemp("official") / "nlf_s_multi.torchscript")


@pytest.fixture(scope="module")
def checkpoint(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A crop checkpoint with all of the field's constants in it, in single precision."""
    path = tmp_path_factory.mktemp("official") / "nlf_s_crop.pt"
    values = {name: value for name, value in stand_in.crop.items() if "backbone.0." not in name}
    floats = {n: v.float() if v.is_floating_point() else v for n, v in values.items()}
    torch.save(floats, path)
    return path


def test_in_a_process_of_its_own(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "nlf_s.safetensors"
    words = ["convert-model", str(file), "--out", str(out), "--json"]
    command = [sys.executable, str(PACKAGE / "worker" / "__main__.py"), *words]
    trusted = ["--trust", file_sha256(file).upper()]
    done = subprocess.run([*command, *trusted], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    answer = {"path": str(out), "sha256": file_sha256(out), "name": "nlf_s_multi"}
    assert json.loads(line) == answer
    assert "reading the model 0/2" in done.stderr and "writing it 1/2" in done.stderr
    assert list(out.parent.iterdir()) == [out]
    model, wanted = read_localizer(out), load_torchscript(file, [file_sha256(file)])
    state = wanted.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert model.canonical.locations is not None and len(model.canonical.locations) == POINTS


def test_without_consent(file: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "out.safetensors"
    assert main(["convert-model", str(file), "--out", str(out), "--json"]) == 1
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert error["title"] == "Consent needed" and file_sha256(file) in error["detail"]
    assert "Consent needed" in captured.err
    assert not out.exists()


def test_a_crop_checkpoint(checkpoint: Path, tmp_path: Path, capsys: Output) -> None:
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    assert main(["convert-model", str(checkpoint), "--out", str(whole)]) == 0
    assert capsys.readouterr().out == f"{whole}\n"
    assert main(["convert-model", str(checkpoint), "--out", str(half), "--half"]) == 0
    assert whole.stat().st_size > 100e6 > 70e6 > half.stat().st_size
    state = read_localizer(half).state_dict()  # the stand-in's values are halves to begin with
    assert all(torch.equal(v, state[n]) for n, v in read_localizer(whole).state_dict().items())


def test_what_is_there_is_kept_unless_forced(file: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "mine.safetensors"
    out.write_bytes(b"mine")
    words = ["convert-model", str(file), "--trust", file_sha256(file), "--out", str(out)]
    assert main(words) == 1
    assert "is not replaced unasked" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    assert main([*words[:2], "--out", str(out), "--force"]) == 1  # no consent
    assert out.read_bytes() == b"mine"
    assert main([*words, "--force"]) == 0
    assert read_localizer(out).info.name == "nlf_s_multi"


def test_a_target_that_cannot_be_written(file: Path, tmp_path: Path, capsys: Output) -> None:
    in_the_way = tmp_path / "a file"
    in_the_way.write_bytes(b"")
    for out, message in (
        (in_the_way / "out.safetensors", "cannot be written to"),
        (tmp_path / "out.pt", "does not end in .safetensors"),
    ):
        assert main(["convert-model", str(file), "--out", str(out)]) == 1
        assert message in capsys.readouterr().err


def test_a_read_only_share_is_noticed_before_anything_is_read(
    file: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    out = tmp_path / "out.safetensors"
    assert main(["convert-model", str(file), "--out", str(out)]) == 1  # not even asked for consent
    assert f"cannot be written to {tmp_path}" in capsys.readouterr().err


def test_a_source_that_is_none(tmp_path: Path, capsys: Output) -> None:
    out = str(tmp_path / "out.safetensors")
    for source, message in (
        ("default", "is a safetensors file already"),
        (str(tmp_path / "nowhere.torchscript"), "There is no file"),
        (__file__, "no model file"),
    ):
        assert main(["convert-model", source, "--out", out]) == 1
        assert message in capsys.readouterr().err
