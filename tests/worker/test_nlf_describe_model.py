# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of model files before they are used."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from official_files import DATA_FILES, LARGE, small_file, write_data_files

from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.native_writer import save_native
from nlf_blender.worker.nlf.official.describe import describe_model

ASSETS = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_files(tmp_path_factory.mktemp("data"))


def test_a_crop_checkpoint(tmp_path: Path, data: Path) -> None:
    description = describe_model(small_file(tmp_path), data)
    rows = dict(description.rows)
    assert (description.kind, description.role) == ("NLF-S crop checkpoint", "model")
    assert description.license == "non-commercial research only (NLF release)"
    assert rows["parameters"] == "26.4 million"
    assert rows["stored as"] == "float32"
    assert rows["crop"] == "256 x 256 pixels"
    assert rows["trained points"] == "866"
    assert rows["known points"] == "SMPL 6890 vertices and 24 joints"
    assert str(data) in rows["completed by"]
    assert not (description.missing or description.notes or description.needs_consent)


def test_a_crop_checkpoint_alone(tmp_path: Path, data: Path) -> None:
    path = small_file(tmp_path)
    (missing,) = describe_model(path, None).missing
    assert all(name in missing for name in DATA_FILES)
    assert "--model-data" in missing
    for name in DATA_FILES[:2]:
        shutil.copy(data / name, tmp_path)
    missing = describe_model(path, None).missing
    assert [name for name in DATA_FILES if any(name in text for text in missing)] == list(
        DATA_FILES[2:]
    )


def test_a_large_model_under_a_small_ones_name(tmp_path: Path, data: Path) -> None:
    began = time.perf_counter()
    description = describe_model(small_file(tmp_path, variant=LARGE), data)
    assert time.perf_counter() - began < 5
    assert description.kind == "NLF-L crop checkpoint"
    assert dict(description.rows)["parameters"] == "123.4 million"
    assert "NLF-L" in description.notes[0]


def test_native_files(tmp_path: Path, data: Path) -> None:
    default = describe_model(ASSETS / "default_model.safetensors", None)
    assert default.notes == ("free for commercial use",)
    assert dict(default.rows)["backbone"] == "blazepose_heavy_adapted"
    path = tmp_path / "converted.safetensors"
    save_native(load_localizer(str(small_file(tmp_path)), "cpu", ASSETS, data), path, half=True)
    converted = describe_model(path, None)
    rows = dict(converted.rows)
    assert "non-commercial" in converted.license
    assert not converted.notes
    assert (rows["name"], rows["parameters"]) == ("nlf_s_crop", "26.4 million")
    assert rows["stored as"] == "float16, float32"
    assert (rows["canonical space"], rows["known points"]) == (
        "smpl",
        "SMPL 6890 vertices and 24 joints",
    )


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("empty.pt", b""),
        ("cut.pt", b"PK\x03\x04"),
        ("text.safetensors", b"no model"),
        ("SMPL.pkl", b"(dp0\nS'v_template'\n"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, contents: bytes) -> None:
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(UserError, match=name):
        describe_model(tmp_path / name, None)
    with pytest.raises(UserError, match="nowhere"):
        describe_model(tmp_path / "nowhere.pt", None)
