# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans from PLY and OBJ files of all kinds, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.scan import Scan, write_scan
from nlf_blender.worker.scan_files.read import read_scan_file

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [1, 2, 0], [0, 2, 0.5], [-1.25, 1, 3e-3]])
NORMALS = np.tile([0.0, 0.6, 0.8], (5, 1))
POLYGONS = {
    "triangles": [[0, 1, 2], [0, 2, 3]],
    "mixed": [[0, 1, 2, 3], [3, 4, 0], [0, 1]],
    "quads": [[0, 1, 2, 3], [4, 3, 2, 1]],
    "hollow": [[], [3, 4, 0]],
}
TRIANGLES = {
    "triangles": [[0, 1, 2], [0, 2, 3]],
    "mixed": [[0, 1, 2], [0, 2, 3], [3, 4, 0]],
    "quads": [[0, 1, 2], [0, 2, 3], [4, 3, 2], [4, 2, 1]],
    "hollow": [[3, 4, 0]],
}
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}


def ply(kind: str, polygons: list[list[int]] | None, normals: bool = False) -> bytes:
    """A PLY file with colours, a camera of no interest, and flags on faces."""
    lines = ["ply", f"format {kind} 1.0", "comment made by hand", "element camera 1"]
    lines += ["property float focal", "property list uchar short path", "element vertex 5"]
    lines += [f"property double {axis}" for axis in "xyz"]
    lines += [f"property float n{axis}" for axis in "xyz"] if normals else []
    lines += ["property uchar red"]
    fields = [(axis, "f8") for axis in "xyz"]
    fields += [(f"n{axis}", "f4") for axis in "xyz"] if normals else []
    rows = np.empty(5, dtype=[(n, ORDERS.get(kind, "<") + t) for n, t in [*fields, ("red", "u1")]])
    for column, axis in enumerate("xyz"):
        rows[axis] = VERTICES[:, column]
        if normals:
            rows[f"n{axis}"] = NORMALS[:, column]
    rows["red"] = 200
    if polygons is not None:
        lines += [f"element face {len(polygons)}", "property uchar flags"]
        lines += ["property list uchar int vertex_indices"]
    header = "\n".join([*lines, "end_header"]) + "\n"
    if kind == "ascii":
        table = ["35.0 2 7 8"]
        table += [" ".join(repr(float(value)) for value in row.item()) for row in rows]
        table += [" ".join(map(str, [1, len(p), *p])) for p in polygons or []]
        return (header + "\r\n".join(table) + "\n").encode()
    order = ORDERS[kind]
    body = (
        np.array([35.0], order + "f4").tobytes()
        + b"\x02"
        + np.array([7, 8], order + "i2").tobytes()
    )
    body += rows.tobytes()
    for p in polygons or []:
        body += bytes([1, len(p)]) + np.array(p, order + "i4").tobytes()
    return header.encode() + body


@pytest.mark.parametrize("kind", ["ascii", *ORDERS])
@pytest.mark.parametrize("polygons", POLYGONS)
def test_ply_meshes(tmp_path: Path, kind: str, polygons: str) -> None:
    path = tmp_path / "a scan.PLY"
    path.write_bytes(ply(kind, POLYGONS[polygons]))
    scan = read_scan_file(path)
    np.testing.assert_allclose(scan.vertices, VERTICES, atol=1e-12)
    assert scan.faces is not None
    assert scan.faces.tolist() == TRIANGLES[polygons]
    assert (scan.normals, scan.name, scan.origin) == (None, "a scan", str(path.resolve()))


@pytest.mark.parametrize("kind", ["ascii", *ORDERS])
@pytest.mark.parametrize("polygons", [None, []])
def test_ply_clouds_with_normals(tmp_path: Path, kind: str, polygons: list | None) -> None:
    path = tmp_path / "a.ply"
    path.write_bytes(ply(kind, polygons, normals=True))
    scan = read_scan_file(path)
    np.testing.assert_allclose(scan.vertices, VERTICES, atol=1e-12)
    assert scan.faces is None
    np.testing.assert_allclose(scan.normals, NORMALS, atol=1e-6)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian"])
def test_a_ply_that_is_cut_off_anywhere_is_an_error(tmp_path: Path, kind: str) -> None:
    data = ply(kind, POLYGONS["mixed"], normals=True)
    path = tmp_path / "a.ply"
    last = len(data.rstrip(b"\n\r 1")) if kind == "ascii" else len(data)
    for end in [0, 3, 60, *range(last - 120, last - 3, 3)]:
        path.write_bytes(data[:end])
        with pytest.raises(UserError, match="Not a scan"):
            read_scan_file(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b"format ascii", b"format rot13"), "format rot13"),
        ((b"double x", b"quaternion x"), "quaternion x"),
        ((b"property double z", b"comment"), "cut off|no vertices|no vertex"),
        ((b"element vertex 5", b"element vertex five"), "five"),
        ((b"3 3 4 0", b"3 3 9 0"), "no vertex"),
        ((b"35.0", b"wide"), "a.ply"),
    ],
)
def test_a_ply_with_a_mistake_is_an_error(
    tmp_path: Path, change: tuple[bytes, bytes], message: str
) -> None:
    data = ply("ascii", POLYGONS["mixed"])
    assert change[0] in data
    path = tmp_path / "a.ply"
    path.write_bytes(data.replace(*change))
    with pytest.raises(UserError, match=message) as caught:
        read_scan_file(path)
    assert "PLY, OBJ or npz" in caught.value.fix


def test_obj_corners_of_every_form(tmp_path: Path) -> None:
    lines = [f"v {x} {y} {z} 0.5 0.5 0.5" for x, y, z in VERTICES]
    lines += ["vn 0 0 1", "vt 0 0", "o part", "usemtl a ü", "s 1", "l 1 2"]
    lines += ["f 1 2/1 3/1/1 4//1", "f -2 -1 1"]
    path = tmp_path / "a.obj"
    path.write_text("\n".join(lines), encoding="utf-8")
    scan = read_scan_file(path)
    np.testing.assert_allclose(scan.vertices, VERTICES)
    assert scan.faces is not None
    assert scan.faces.tolist() == [[0, 1, 2], [0, 2, 3], [3, 4, 0]]


def test_obj_without_faces_is_a_cloud(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 1 2 3\nv 4 5 6\n")
    assert read_scan_file(tmp_path / "a.obj").faces is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no vertices"),
        ("v 1 2\n", "line 1"),
        ("v 1 2 3\nf 1 1 2\n", "no vertex"),
        ("v 1 2 3\nf a b c\n", "line 2"),
        ("v 1 2 3\nf -2 1 1\n", "no vertex"),
    ],
)
def test_an_obj_with_a_mistake_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.obj").write_text(text)
    with pytest.raises(UserError, match=message):
        read_scan_file(tmp_path / "a.obj")


def test_npz_and_other_names(tmp_path: Path) -> None:
    write_scan(tmp_path / "a.npz", Scan(VERTICES, None, NORMALS, "Büste"))
    assert read_scan_file(tmp_path / "a.npz").name == "Büste"
    with pytest.raises(UserError, match=r"\.ply, \.obj or \.npz"):
        read_scan_file(tmp_path / "a.fbx")
    for name in ("b.npz", "b.ply", "b.obj"):
        with pytest.raises(UserError, match="No such scan"):
            read_scan_file(tmp_path / name)


def test_a_large_ply_is_read_in_bulk(tmp_path: Path) -> None:
    import time

    rng = np.random.default_rng(0)
    count = 200_000
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\nproperty float x\n"
    header += f"property float y\nproperty float z\nelement face {2 * count}\n"
    header += "property list uchar int vertex_index\nend_header\n"
    faces = np.empty(2 * count, dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, rng.integers(0, count, (2 * count, 3))
    vertices = rng.normal(size=(count, 3)).astype("<f4")
    path = tmp_path / "a.ply"
    path.write_bytes(header.encode() + vertices.tobytes() + faces.tobytes())
    began = time.perf_counter()
    scan = read_scan_file(path)
    assert time.perf_counter() - began < 2.0
    np.testing.assert_array_equal(scan.vertices, vertices)
    np.testing.assert_array_equal(scan.faces, faces["corners"])
