# SPDX-License-Identifier: GPL-3.0-or-later
"""Photo in, take out, with official models and bodies of the SMPL family, as the command line does;
and what `inspect` says of all of them. The files have the official layouts and random values."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hand_bodies import hand_body
from official_files import SMALL, crop_tensors, write_data_files
from torchscript_stand_in import StandIn

import build
from nlf_blender.body.body_data import load_body_npz, reduced_body_npz
from nlf_blender.errors import UserError
from nlf_blender.protocol import take as take_format
from nlf_blender.protocol.files import file_sha256
from nlf_blender.protocol.rows import read_rows
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.worker import command_line
from nlf_blender.worker.assets import OPEN_BODY
from nlf_blender.worker.engine import Engine, place_body
from nlf_blender.worker.nlf.canonical_space import SMPL_SPACE, CanonicalSpace
from nlf_blender.worker.nlf.localized import LocalizedPerson
from nlf_blender.worker.people.person import Frame, Person
from nlf_blender.worker.pipeline import LocalizedPeople, antialias_factor, believable, crop_of

BOX = np.array([100.0, 50.0, 200.0, 350.0])
Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a crop checkpoint, its data files below it, and SMPL-X without its own
    canonical points."""
    folder = tmp_path_factory.mktemp("official")
    torch.save(crop_tensors(SMALL), folder / "nlf_s_crop.pt")
    write_data_files(folder / "data")
    (folder / "bodies" / "smplx").mkdir(parents=True)
    body = replace(hand_body("smplx"), canonical_vertices=None)
    (folder / "bodies" / "smplx" / "SMPLX_NEUTRAL.npz").write_bytes(reduced_body_npz(body))
    return folder


def _localize(official: Path, out: Path, *more: str) -> Path:
    model = ["--model", str(official / "nlf_s_crop.pt"), "--model-data", str(official / "data")]
    photo = str(build.astronaut())
    options = ["--device", "cpu", "--tta", "1", "--out", str(out)]
    assert command_line.main(["localize", photo, *options, *model, *more]) == 0
    return out / "astronaut.take"


def _read(folder: Path) -> tuple[take_format.TakeInfo, dict[str, np.ndarray]]:
    info = take_format.read_info(folder)
    return info, read_rows(folder, info.chunks)


def test_the_open_body_under_an_official_checkpoint(official: Path, tmp_path: Path) -> None:
    info, rows = _read(_localize(official, tmp_path))
    assert "non-commercial" in info.model.license and info.model.name == "nlf_s_crop"
    assert any("mean joints of SMPL" in note for note in info.notes)
    assert any("no person's" in note for note in info.notes)  # the random points of the data files
    assert any("unsure that anybody" in note for note in info.notes)  # the random weights
    assert len(rows["track"]) == 1
    assert np.isfinite(rows["points"]).all() and np.isfinite(rows["pose"]).all()


def test_a_body_out_of_a_folder(official: Path, tmp_path: Path) -> None:
    folder = str(official / "bodies")
    take = _localize(official, tmp_path, "--body", folder, "--body-kind", "smplx")
    body, (_, rows) = load_body_npz(take / take_format.BODY_FILE), _read(take)
    assert body.kind == "smplx" and body.expression_count == 10
    assert rows["points"].shape == (1, body.vertex_count + 55, 3)
    assert rows["pose"].shape == (1, 55, 3)


def test_a_program_is_run_once_agreed_to(tmp_path: Path, capsys: Output) -> None:
    file = StandIn().write(tmp_path / "nlf_s_multi.torchscript")
    trust = ["--device", "cpu", "--model", str(file), "--trust", file_sha256(file).upper()]
    boxes = tmp_path / "boxes.json"
    boxes.write_text("[[60, 10, 440, 500]]")
    words = ["localize", str(build.astronaut()), "--tta", "1", "--boxes", str(boxes)]
    words += ["--out", str(tmp_path)]
    assert command_line.main([*words, *trust[:-2]]) == 1
    assert "Consent needed" in capsys.readouterr().err
    assert command_line.main([*words, *trust]) == 0
    info, rows = _read(tmp_path / "astronaut.take")
    assert info.model.sha256 == file_sha256(file) and "non-commercial" in info.model.license
    assert np.isfinite(rows["points"]).all()
    assert not any("unsure" in note for note in info.notes)  # who is in a box drawn by hand stays
    capsys.readouterr()
    command_line.main(["check", *trust])
    items = json.loads(capsys.readouterr().out)["items"]
    assert next(item for item in items if item["name"] == "model")["ok"]


def test_a_folder_without_that_body(official: Path, tmp_path: Path, capsys: Output) -> None:
    body = ["--body", str(official / "bodies"), "--body-kind", "smplx", "--gender", "female"]
    assert command_line.main(["localize", "x.jpg", "--out", str(tmp_path), *body]) == 1
    told = capsys.readouterr().err
    assert "SMPL-X female" in told and "SMPLX_FEMALE" in told


def test_a_checkpoint_without_its_data(official: Path, capsys: Output) -> None:
    checked = command_line.main(["check", "--model", str(official / "nlf_s_crop.pt")])
    items = json.loads(capsys.readouterr().out)["items"]
    model = next(item for item in items if item["name"] == "model")
    assert checked == 1 and not model["ok"]
    assert "canonical_nodes3.npy" in model["value"] + model["fix"]


def test_models_are_loaded_anew_for_other_data(official: Path) -> None:
    engine = Engine()
    settings = LocalizeSettings(
        model=str(official / "nlf_s_crop.pt"), model_data=str(official / "data"), device="cpu"
    )
    models = engine.models(settings)
    assert engine.models(settings) is models
    with pytest.raises(UserError):
        engine.models(replace(settings, model_data=str(official / "bodies")))


def test_an_smpl_file_among_the_data_tells_where_the_surface_is(
    official: Path, tmp_path: Path
) -> None:
    body = replace(load_body_npz(OPEN_BODY), canonical_vertices=None)
    for gender in ("FEMALE", "NEUTRAL"):
        (tmp_path / f"SMPL_{gender}.npz").write_bytes(reduced_body_npz(replace(body, name=gender)))
    open_body, space = load_body_npz(OPEN_BODY), CanonicalSpace(SMPL_SPACE)
    placed = place_body(open_body, space, tmp_path)
    assert placed.how.startswith("Carried over from NEUTRAL")
    # the same surface, so the points are where the file's own ones come to lie
    whole = load_body_npz(tmp_path / "SMPL_NEUTRAL.npz")
    apart = placed.points - place_body(whole, space, None).points
    assert np.linalg.norm(apart, axis=1).max() < 2e-3
    assert "mean joints" in place_body(open_body, space, None).how


def _person(score: float = 0.9) -> Person:
    return Person(BOX, score, Frame(np.array([150.0, 220.0]), 400.0, 0.3), np.zeros((33, 3)))


def _models(aligned: bool) -> SimpleNamespace:
    head = SimpleNamespace(crop_side=256)
    model = SimpleNamespace(style=SimpleNamespace(aligned=aligned), heatmap_head=head)
    return SimpleNamespace(localizer=SimpleNamespace(model=model), notes=())


def test_official_models_see_the_upright_box() -> None:
    spec = crop_of(_person(), _models(aligned=False))  # type: ignore[arg-type]
    assert spec.roll == 0.0 and spec.center == (150.0, 200.0) and spec.size == (100.0, 300.0)
    assert crop_of(_person(), _models(aligned=True)).roll == 0.3  # type: ignore[arg-type]


def test_official_crops_of_very_large_people_are_supersampled() -> None:
    large = np.array([0.0, 0.0, 900.0, 2100.0])
    official, ours = _models(aligned=False), _models(aligned=True)
    assert antialias_factor([BOX, large], official) == 2  # type: ignore[arg-type]
    assert antialias_factor([BOX], official) == 1  # type: ignore[arg-type]
    assert antialias_factor([large], ours) == 1  # type: ignore[arg-type]


def _localized(uncertainty: float, shift: float = 0.0) -> LocalizedPerson:
    pixels = np.random.default_rng(0).uniform(BOX[:2], BOX[2:], (40, 2)).astype(np.float32)
    points = np.random.default_rng(1).normal([shift, 0, 4], 0.3, (40, 3)).astype(np.float32)
    return LocalizedPerson(points, np.full(40, uncertainty, np.float32), pixels)


def test_official_models_tell_who_is_no_person() -> None:
    people = LocalizedPeople(
        [_person(), _person(0.8), _person(0.7), _person(0.6)],
        [_localized(0.6), _localized(0.05), _localized(0.05), _localized(0.05, shift=2.0)],
    )
    kept = believable(people, _models(aligned=False))  # type: ignore[arg-type]
    # the first is unsure, the third the second once more
    assert [person.score for person in kept.people] == [0.8, 0.6]
    assert kept.points == [people.points[1], people.points[3]] and kept.notes == ()
    assert believable(people, _models(aligned=True)) is people  # type: ignore[arg-type]


def test_nobody_is_lost_if_the_model_believes_in_nobody() -> None:
    people = LocalizedPeople([_person()], [_localized(0.6)])
    kept = believable(people, _models(aligned=False))  # type: ignore[arg-type]
    assert kept.people == people.people and "unsure" in kept.notes[0]


def _inspect(capsys: Output, *arguments: object) -> tuple[int, str, str]:
    status = command_line.main(["inspect", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_inspect_a_model(official: Path, capsys: Output) -> None:
    file = official / "nlf_s_crop.pt"
    status, out, _ = _inspect(capsys, file, "--model-data", official / "data")
    assert status == 0 and "NLF-S" in out and "256" in out and "non-commercial" in out
    assert "missing" not in out
    _, out, _ = _inspect(capsys, file)
    assert "missing" in out and "canonical_nodes3.npy" in out


def test_inspect_a_body_as_json(official: Path, capsys: Output) -> None:
    file = official / "bodies" / "smplx" / "SMPLX_NEUTRAL.npz"
    status, out, _ = _inspect(capsys, file, "--json")
    answer = json.loads(out)
    assert status == 0 and answer["role"] == "body" and "SMPL-X" in answer["kind"]
    assert ["joints", "55"] in answer["rows"] and len(answer["sha256"]) == 64
    assert answer["path"] == str(file) and answer["needs_consent"] is False


@pytest.mark.parametrize("name", ["cut.npz", "cut.pt", "text.txt", "none.pt", "folder"])
def test_inspect_what_is_neither(name: str, official: Path, tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / name
    if name == "folder":
        file.mkdir()
    elif name == "text.txt":
        file.write_text("hello")
    elif name.startswith("cut"):
        whole = official / (
            "nlf_s_crop.pt" if name == "cut.pt" else "bodies/smplx/SMPLX_NEUTRAL.npz"
        )
        file.write_bytes(whole.read_bytes()[:5000])
    status, out, err = _inspect(capsys, file, "--json")
    assert status == 1 and name in err and "  -> " in err
    error = json.loads(out)["error"]
    assert name in error["detail"] and error["fix"]
    if name == "cut.npz":
        assert "body" in error["title"]
