# SPDX-License-Identifier: GPL-3.0-or-later
"""SMPL's mean man, woman and neutral person differ by centimetres: a set that was placed on one of
them is never taken to be on another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from body_examples import OPEN_BODY

from nlf_blender.body.body_data import BodyData, load_body_npz, reduced_body_npz
from nlf_blender.errors import UserError
from nlf_blender.protocol.marker_set import Marker, MarkerSet, read_marker_set, write_marker_set
from nlf_blender.protocol.point_set import of_markers, point_set_bytes, read_point_set
from nlf_blender.worker.command_line import main
from nlf_blender.worker.markers.placed_bodies import PlacedBodies
from nlf_blender.worker.markers.placing import place_points
from nlf_blender.worker.smpl.body_files import load_body
from nlf_blender.worker.smpl.canonical.own_canonical import own_canonical
from nlf_blender.worker.smpl.canonical.placement import CanonicalPlacement

TALLER = {"neutral": 1.0, "female": 0.95}
VERTICES = np.arange(0, 13_000, 1_300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A neutral SMPL file and a woman's, who is smaller."""
    found = tmp_path_factory.mktemp("smpl")
    body = replace(load_body_npz(OPEN_BODY), canonical_vertices=None, canonical_joints=None)
    for gender, size in TALLER.items():
        sized = replace(
            body,
            v_template=body.v_template * size,
            joints_template=body.joints_template * size,
            gender=gender,
        )
        (found / f"SMPL_{gender.upper()}.npz").write_bytes(reduced_body_npz(sized))
    return found


def placed(body: BodyData) -> CanonicalPlacement:
    """As in a model whose points are those of the open body: the same vertices, whoever it is."""
    own = own_canonical(body)
    known = load_body_npz(OPEN_BODY)
    assert known.canonical_vertices is not None and known.canonical_joints is not None
    points = np.concatenate([known.canonical_vertices, known.canonical_joints])
    return CanonicalPlacement(points, own, "", {})


def markers_on(body: BodyData, gender: str) -> MarkerSet:
    places = own_canonical(body).vertices[VERTICES]
    markers = tuple(Marker(f"m{k}", (x, y, z)) for k, (x, y, z) in enumerate(places.tolist()))
    return MarkerSet("Set", markers, "smpl", gender=gender)


def test_a_set_is_of_the_gender_that_it_was_placed_on(folder: Path) -> None:
    neutral, female = (load_body(folder / f"SMPL_{g}.npz") for g in ("NEUTRAL", "FEMALE"))
    fitted = placed(female)
    bodies = PlacedBodies(fitted, placed, [folder])
    wanted = fitted.points[VERTICES]
    for gender, body in (("neutral", neutral), ("female", female), ("", female)):
        points = of_markers(markers_on(body, gender))
        found = place_points(points, fitted, "smpl", bodies.of)
        np.testing.assert_allclose(found.points, wanted, atol=1e-6)
        assert bool(found.notes) == (gender == "neutral")
    nowhere = PlacedBodies(fitted, placed, [])
    with pytest.raises(UserError, match="'smpl neutral', whose file is not there"):
        place_points(of_markers(markers_on(neutral, "neutral")), fitted, "smpl", nowhere.of)


def test_the_neutral_file_comes_before_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "SMPL_FEMALE.npz").write_bytes((folder / "SMPL_FEMALE.npz").read_bytes())
    bodies = PlacedBodies(placed(load_body_npz(OPEN_BODY)), placed, [tmp_path, folder])
    of = {gender: bodies.of("smpl", gender) for gender in ("", "female", "male")}
    assert of["male"] is None
    for gender, wanted in (("", "neutral"), ("female", "female")):
        found = of[gender]
        assert found is not None and found.own.body.gender == wanted


def test_files_keep_it(tmp_path: Path) -> None:
    markers = MarkerSet("Set", (Marker("a", (0.0, 0.1, 0.2)),), "smplx", gender="male")
    write_marker_set(tmp_path / "a.json", markers)
    assert read_marker_set(tmp_path / "a.json") == markers
    (tmp_path / "a.npz").write_bytes(point_set_bytes(of_markers(markers)))
    assert read_point_set(tmp_path / "a.npz").gender == "male"
    data = json.loads((tmp_path / "a.json").read_text()) | {"gender": "tall"}
    (tmp_path / "b.json").write_text(json.dumps(data))
    with pytest.raises(UserError, match="'tall' is no gender"):
        read_marker_set(tmp_path / "b.json")


def test_conversion_says_which(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    female, neutral = folder / "SMPL_FEMALE.npz", folder / "SMPL_NEUTRAL.npz"
    table, out = tmp_path / "t.json", tmp_path / "out.json"
    table.write_text('{"nose": 1300}')
    assert main(["markers", "convert", str(table), str(out), "--body-file", str(female)]) == 0
    assert read_marker_set(out).gender == "female"
    assert main(["markers", "check", str(out), "--body-file", str(neutral)]) == 1
    assert "placed on smpl female, and the file is neutral" in capsys.readouterr().err
