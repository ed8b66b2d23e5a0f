# SPDX-License-Identifier: GPL-3.0-or-later
"""Marker sets in JSON, in tables of positions and in tables of vertex numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.marker_axes import BLENDER_AXES, SMPL_AXES, axes_matrix
from nlf_blender.protocol.marker_files import TableOptions, read_markers, write_markers
from nlf_blender.protocol.marker_set import Marker, MarkerSet

SET = MarkerSet(
    "Belt",
    (
        Marker("LASI", (0.118, -0.437, 0.0871), "pelvis", (1.0, 0.5, 0.25), "left, in front"),
        Marker("RASI", (-0.118, -0.437, 0.0871), "pelvis"),
        Marker("Nabel, vorn; größer", (0.0, -0.38, 0.1)),
    ),
    description="a belt",
)
DOCUMENT = Path(__file__).parents[1] / "nlf_blender" / "worker" / "markers" / "FILES.md"
VERTICES = np.arange(30.0).reshape(10, 3) / 100
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_text(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def refused(path: Path, **options: str) -> str:
    """What the user is told."""
    vertices = {"open": lambda: VERTICES[:4], "smpl": lambda: VERTICES}
    with pytest.raises(UserError) as error:
        read_markers(path, vertices, TableOptions(**options))
    assert str(path) in error.value.detail or path.name in error.value.detail
    assert error.value.fix.endswith(".")
    return f"{error.value.title}: {error.value.detail}"


def test_json_keeps_all(tmp_path: Path) -> None:
    write_markers(tmp_path / "set.json", SET)
    assert read_markers(tmp_path / "set.json") == SET
    assert read_markers(tmp_path / "set.json", options=TableOptions(name="B")).name == "B"


@pytest.mark.parametrize("unit", ["m", "cm", "mm", "in"])
@pytest.mark.parametrize("axes", [SMPL_AXES, BLENDER_AXES, "right,up,front"])
def test_a_table_keeps_all_but_the_description(tmp_path: Path, unit: str, axes: str) -> None:
    path = tmp_path / "Belt.csv"
    write_markers(path, SET, unit=unit, axes=axes)
    found = read_markers(path, options=TableOptions(axes=axes))
    np.testing.assert_allclose(found.positions, SET.positions, atol=5e-7)
    kept = tuple(replace(m, position=(0, 0, 0)) for m in found.markers)
    assert kept == tuple(replace(m, position=(0, 0, 0)) for m in SET.markers)
    assert (found.name, found.body) == ("Belt", "open")


def test_axes_of_blender_are_the_projects_own() -> None:
    from nlf_blender.body.conventions import blender_points_from_smpl

    points = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(
        blender_points_from_smpl(points) @ axes_matrix(BLENDER_AXES), points
    )
    for wrong in ("left,up", "left,right,up", "left,up,over"):
        with pytest.raises(ValueError, match=r"left"):
            axes_matrix(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "A,0.1,0.2,0.3\nB,1,2,3\n",
        "name,x,y,z\nA,0.1,0.2,0.3\nB,1,2,3\n",
        "\ufeffZ;Y;X;Label;Note\n0,3;0,2;0,1;A;x\n\n# a remark\n3;2;1;B;y\n",
        "Marker\tX [mm]\tY [mm]\tZ [mm]\nA\t100\t200\t300\nB\t1000\t2000\t3000\n",
        "name,x (cm),y_cm,z cm\nA,10,20,30\nB,1e2,2e2,3e2",
    ],
)
def test_tables_are_understood_in_many_forms(write: Write, text: str) -> None:
    found = read_markers(write("a.csv", text))
    assert [marker.name for marker in found.markers] == ["A", "B"]
    np.testing.assert_allclose(found.positions, [[0.1, 0.2, 0.3], [1, 2, 3]])


def test_colors_and_options_of_a_table(write: Write) -> None:
    path = write("a.tsv", "A\t100\t200\t300\thead\t#ff8000\nB\t1\t2\t3\t\t0.1 0.2 0.3\n")
    found = read_markers(path, options=TableOptions("smplx", "mm", BLENDER_AXES, "Mine"))
    assert (found.name, found.body) == ("Mine", "smplx")
    first, second = found.markers
    assert first.position == pytest.approx((0.1, 0.3, -0.2)) and first.group == "head"
    assert first.color == pytest.approx((1.0, 0.2158605, 0.0))
    assert second.color == (0.1, 0.2, 0.3) and second.group == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A,0,0,0\nB,nan,0,0\n", "line 2: x of 'B' is 'nan'"),
        ("A,0,0,0\nB,0,inf,0\n", "line 2: y of 'B' is 'inf'"),
        ("name,x,y,z\nA,0,0,\n", "line 2: z of 'A' is ''"),
        ("A,0,0,0\n\nB,0,0,0\nA,1,1,1\n", "line 4: 'A' is in line 1, too"),
        ("name,x,z\nA,0,0\n", "line 1: there is no column y"),
        ("name,x,y,y,z\nA,0,0,0,0\n", "line 1: there is no column y, or more than one"),
        ("name,x_mm,y_m,z_mm\nA,0,0,0\n", "line 1: x, y and z have different units"),
        ("name,x,y,z\nA,0,0,0\nB,1,2\n", "line 3: it has 3 cells"),
        ("A,0,0,0\n,1,1,1\n", "line 2: the marker has no name"),
        ("A,0,0,0,head,reddish\n", "line 1: the color 'reddish'"),
        ("A,0,0,0,head,2 0 0\n", "line 1: the color '2 0 0'"),
        (f"{'A' * 64},0,0,0\n", "over 63 bytes"),
        ("", "Empty marker set"),
        ("name,x,y,z\n", "Empty marker set"),
        ("name,index\n", "Empty marker set"),
        ('A,0,0,0\n"B,1,1,1\n', "line"),
    ],
)
def test_a_bad_table_is_refused_by_its_line(write: Write, text: str, told: str) -> None:
    assert told in refused(write("a.csv", text))


def test_two_units_are_refused(write: Write) -> None:
    path = write("a.csv", "name,x_mm,y_mm,z_mm\nA,1,2,3\n")
    assert "Two units" in refused(path, unit="cm")
    assert read_markers(path, options=TableOptions(unit="mm")).positions[0, 2] == 0.003


def test_files_that_are_no_tables(tmp_path: Path, write: Write) -> None:
    assert "not found" in refused(tmp_path / "none.csv")
    assert "not found" in refused(tmp_path / "none.json")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x01")
    assert "Table not read" in refused(tmp_path / "bytes.csv")
    assert "Unknown kind" in refused(write("a.trc", ""))
    with pytest.raises(UserError, match="Unknown kind"):
        write_markers(tmp_path / "a.xlsx", SET)
    assert not list(tmp_path.glob("a.xlsx*"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"space": "posed"}, "its space is 'posed'"),
        ({"body": "mannequin"}, "'mannequin' is no canonical body"),
        ({"units": "mm"}, "its units is 'mm'"),
        ({"version": 2}, "newer version"),
        ({"format": "other"}, "its format is not"),
        ({"markers": []}, "Empty marker set"),
        ({"markers": [{"name": "A", "position": [0, 0, float("nan")]}]}, "'A' is not finite"),
        ({"markers": [{"name": "A", "position": [0, 0]}]}, "'A' has 2 numbers"),
        ({"markers": [{"name": "A", "position": [0, 0, 1e308]}]}, "'A' is more than 1000 m away"),
        ({"markers": [{"name": "A", "position": [0, 0, 10**400]}]}, "'A' is too large"),
        ({"markers": [{"name": "\ud800", "position": [0, 0, 0]}]}, "not valid Unicode"),
        ({"name": "\ud800"}, "not valid Unicode"),
        ({"markers": 2 * [{"name": "A", "position": [0, 0, 0]}]}, "two markers are called 'A'"),
        ({"markers": [{"position": [0, 0, 0]}]}, "marker.name is not a text"),
    ],
)
def test_a_bad_set_is_refused(write: Write, change: dict[str, object], told: str) -> None:
    path = write("a.json", json.dumps(SET.to_json() | change))
    assert told in refused(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"A": 1, "A": 2}',
        "[" * 100_000,
    ],
)
def test_damaged_json_is_refused(write: Write, text: str) -> None:
    assert "Not a marker set" in refused(write("a.json", text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"nose": 3, "LeftEye": 9}'),
        ("a.json", '{"smplx": {"nose": 1}, "smplh": {"nose": 3, "LeftEye": 9}}'),
        ("a.csv", "nose,3\nLeftEye,9\n"),
        ("a.csv", "Vertex;Name\n3;nose\n9;LeftEye\n"),
    ],
)
def test_a_vertex_table_makes_markers_of_the_body(write: Write, name: str, text: str) -> None:
    vertices = {"open": lambda: VERTICES[:4], "smpl": lambda: VERTICES}
    found = read_markers(write(name, text), vertices)
    assert [marker.name for marker in found.markers] == ["nose", "LeftEye"]
    assert (found.name, found.body, found.markers[1].place) == ("a", "smpl", "vertex 9")
    np.testing.assert_array_equal(found.positions, VERTICES[[3, 9]])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"nose": 10}', "'nose' is vertex 10, and smpl has 10 vertices"),
        ('{"nose": -1}', "the vertex of 'nose' is below 0"),
        ('{"nose": 1.5}', "the vertex of 'nose' is not a whole number"),
        ('{"nose": "3"}', "the vertex of 'nose' is not a whole number"),
        ('{"smplx": {"nose": 1}}', "tables for smplx, but none for smpl"),
        ("{}", "Empty marker set"),
    ],
)
def test_a_bad_vertex_table_is_refused(write: Write, text: str, told: str) -> None:
    assert told in refused(write("a.json", text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nose,3\nnose,4\n", "line 2: 'nose' is there twice"),
        ("nose,3\near,4.5\n", "line 2: the vertex of 'ear' is not a whole number"),
        ("nose,3\near,\n", "line 2: the vertex of 'ear' is not a whole number"),
        ("nose,x\n", "line 1"),
        ("nose,99\n", "'nose' is vertex 99"),
    ],
)
def test_a_bad_vertex_list_is_refused_by_its_line(write: Write, text: str, told: str) -> None:
    assert told in refused(write("a.csv", text))


def test_a_vertex_table_needs_its_body(write: Write) -> None:
    path = write("a.json", '{"nose": 3}')
    for vertices, body in (({}, ""), ({"open": lambda: VERTICES}, ""), ({}, "smplx")):
        with pytest.raises(UserError, match="without its body"):
            read_markers(path, vertices, TableOptions(body))
    found = read_markers(path, {"open": lambda: VERTICES}, TableOptions("open"))
    assert found.body == "open"


def test_the_set_in_the_documents_can_be_read(write: Write) -> None:
    text = DOCUMENT.read_text(encoding="utf-8").split("```json\n")[1].split("```")[0]
    (marker,) = read_markers(write("documented.json", text), {}).markers
    assert (marker.name, marker.group) == ("nose", "head")
