# SPDX-License-Identifier: GPL-3.0-or-later
"""`worker markers convert` and `worker markers check`, files in and files out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from body_examples import OPEN_BODY, family_arrays, write_npz

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.sides import mirror_report
from nlf_blender.body.skeleton import SKELETONS
from nlf_blender.protocol.marker_set import (
    Marker,
    MarkerSet,
    marker_set_bytes,
    read_marker_set,
    write_marker_set,
)
from nlf_blender.worker.command_line import main
from nlf_blender.worker.markers.preset_files import marker_file
from nlf_blender.worker.smpl.body_files import load_body
from nlf_blender.worker.smpl.canonical.own_canonical import own_canonical

Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def smpl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The open body 5 % larger, with its vertices in another order, as a file of SMPL's."""
    body = load_body_npz(OPEN_BODY)
    order = np.random.default_rng(1).permutation(body.vertex_count)
    place = np.argsort(order)
    assert body.joint_regressor is not None
    arrays = {
        "v_template": 1.05 * body.v_template[order],
        "shapedirs": body.shapedirs[order],
        "weights": body.weights[order],
        "J_regressor": body.joint_regressor[:, order],
        "kintree_table": np.array([SKELETONS["smpl"].parents, range(24)]) % 2**32,
        "f": place[body.faces],
    }
    return write_npz(tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.npz", arrays)


def convert(*words: object) -> int:
    return main(["markers", "convert", *map(str, words)])


def check(*words: object) -> int:
    return main(["markers", "check", *map(str, words)])


def test_files_of_all_kinds(tmp_path: Path, capsys: Output) -> None:
    table, back = tmp_path / "gait.csv", tmp_path / "gait.json"
    assert convert("plug_in_gait", table, "--out-units", "mm", "--out-axes", "left,back,up") == 0
    assert "39 markers on the canonical body 'open'" in capsys.readouterr().out
    assert table.read_text().startswith("name,x_mm,y_mm,z_mm,group,color,place\nLFHD,")
    assert convert(table, back, "--axes", "left,back,up", "--name", "Plug-in Gait") == 0
    found, preset = read_marker_set(back), read_marker_set(marker_file("plug_in_gait"))
    assert [m.place for m in found.markers] == [m.place for m in preset.markers]
    assert found.name == preset.name
    np.testing.assert_allclose(found.positions, preset.positions, atol=1e-9)
    assert convert(back, back) == 1 and "File already there" in capsys.readouterr().err
    assert convert(back, back, "--name", "Mine", "--force") == 0
    assert read_marker_set(back).name == "Mine"
    assert convert(back, tmp_path / "gait.trc") == 1
    assert "Unknown kind of file" in capsys.readouterr().err


def test_onto_another_body_and_back(tmp_path: Path, smpl: Path, capsys: Output) -> None:
    there, back = tmp_path / "there.json", tmp_path / "back.json"
    assert convert("opensim_rajagopal", there, "--body", "smpl", "--body-file", smpl) == 0
    told = capsys.readouterr().out
    assert "Carried over from the body 'open' to 'smpl'" in told and "Only" not in told
    preset, found = read_marker_set(marker_file("opensim_rajagopal")), read_marker_set(there)
    assert found.body == "smpl"
    names = [marker.name for marker in preset.markers]
    assert [marker.name for marker in found.markers] == names
    report = mirror_report(names, found.positions, 1e-9)
    assert report == ((), ())
    assert convert(there, back, "--body", "open", "--body-file", smpl) == 0
    gaps = np.linalg.norm(read_marker_set(back).positions - preset.positions, axis=1)
    assert gaps.mean() < 0.003 and gaps.max() < 0.01
    assert check(there, "--body-file", smpl, "--json") == 0
    above = json.loads(capsys.readouterr().out.splitlines()[-1])["above_skin"]
    skin = np.array([not name.endswith("JC") for name in names])
    assert np.abs(np.array(above)[skin]).max() < 0.006 and max(np.array(above)[~skin]) < -0.01


def test_a_vertex_table_stands_on_its_body(tmp_path: Path, smpl: Path, capsys: Output) -> None:
    table, out = tmp_path / "vertices.json", tmp_path / "vertices_open.json"
    own = own_canonical(load_body(smpl))
    nose, toe = own.vertices[:, 2][:, None].argmax(), own.vertices[:, 1].argmin()
    table.write_text(json.dumps({"front": int(nose), "low": int(toe)}))
    assert convert(table, tmp_path / "no.json") == 1
    assert "Vertex table without its body" in capsys.readouterr().err
    assert convert(table, out, "--body-file", smpl) == 0
    found = read_marker_set(out)
    assert found.body == "smpl"
    np.testing.assert_array_equal(found.positions, own.vertices[[nose, toe]])


def test_folders_that_are_made_or_cannot_be(tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "new" / "folder" / "out.csv"
    assert convert("coco_17", out) == 0 and out.exists()
    assert convert("coco_17", out / "out.csv") == 1
    assert "Folder not usable" in capsys.readouterr().err


def test_bodies_that_are_not_at_hand(tmp_path: Path, smpl: Path, capsys: Output) -> None:
    out = tmp_path / "out.json"
    assert convert("coco_17", out, "--body", "smplx", "--body-file", smpl) == 1
    assert "Body file needed" in capsys.readouterr().err
    assert convert("coco_17", out, "--body", "smpl", "--body-file", OPEN_BODY) == 1
    assert "Not a canonical body" in capsys.readouterr().err
    files = ["--body-file", smpl, "--body-file", smpl]
    assert convert("coco_17", out, "--body", "smpl", *files) == 1
    assert "Two files of one body" in capsys.readouterr().err
    assert convert("coco_17", out, "--body", "smpl", "--body-file", tmp_path / "none.npz") == 1
    assert "Body file not found" in capsys.readouterr().err
    cloud = write_npz(tmp_path / "cloud.npz", family_arrays("smpl"))
    assert convert("coco_17", out, "--body", "smpl", "--body-file", cloud) == 1
    assert "No way from body to body" in capsys.readouterr().err
    for wrong in (["--axes", "left,up"], ["--units", "ell"], ["--of", "mannequin"]):
        with pytest.raises(SystemExit):
            convert("coco_17", out, *wrong)


def test_what_a_check_tells(tmp_path: Path, capsys: Output) -> None:
    assert check("plug_in_gait") == 0
    told = capsys.readouterr().out
    assert "Plug-in Gait: 39 markers" in told and "on the skin 39, inside 0, outside 0" in told
    assert "without a counterpart: RBAK" in told and "not mirrored" not in told
    markers = (
        Marker("hand.L", (0.5, 0.0, 0.6)),
        Marker("hand.R", (-0.5, 0.0, 0.61)),
        Marker("L_Knee", (0.386, -0.8, -0.014)),
    )
    path = tmp_path / "odd.json"
    write_marker_set(path, MarkerSet("Odd", markers))
    assert check(path) == 1
    told = capsys.readouterr().out
    assert "not localized unless forced: hand.L, hand.R" in told
    assert "not mirrored: hand.L and hand.R, 10.0 mm apart" in told
    assert "without a counterpart: L_Knee" in told and "inside 1, outside 2" in told
    assert check(path, "--json") == 1
    data = json.loads(capsys.readouterr().out)
    assert data["far"] == ["hand.L", "hand.R"] and data["without_counterpart"] == ["L_Knee"]
    path.write_bytes(marker_set_bytes(MarkerSet("Theirs", markers, "smplx")))
    assert check(path) == 0
    assert "not known without the body's file" in capsys.readouterr().out
    assert check(tmp_path / "none.json") == 1
    assert "not found" in capsys.readouterr().err


def test_a_check_of_many_markers_lists_some(tmp_path: Path, capsys: Output) -> None:
    many = tuple(Marker(f"m{i}.{side}", (1.0, 0.0, i)) for i in range(30) for side in "LR")
    write_marker_set(tmp_path / "many.json", MarkerSet("Many", many))
    assert check(tmp_path / "many.json") == 1
    told = capsys.readouterr().out
    assert "m5.R, 48 more" in told and "not mirrored: 18 more" in told
    assert len(told.splitlines()) < 20
