# SPDX-License-Identifier: GPL-3.0-or-later
"""COCO and DensePose, each as a tiny file of its layout, through the import command."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from nlf_blender.errors import UserError
from nlf_blender.worker.training.datasets import import_command, inspect_command
from nlf_blender.worker.training.datasets.joint_set_names import COCO
from tests.worker.import_examples import HEIGHT, WIDTH, convert, images, report


def coco_person(image: int, **values: object) -> dict[str, object]:
    keypoints = np.stack([np.arange(17) + 10, np.arange(17) + 20, np.full(17, 2)], axis=1)
    keypoints[4] = 0
    data = {"image_id": image, "iscrowd": 0, "bbox": [8, 9, 30, 35], "category_id": 1}
    return data | {"keypoints": keypoints.ravel().tolist(), "num_keypoints": 16} | values


def coco_file(
    path: Path, people: list[dict[str, object]], names: tuple[str, ...] = COCO[:17]
) -> Path:
    files = ("a.jpg", "b.jpg", "c.png", "cut.jpg", "gone.jpg")
    images = [{"id": n, "file_name": f, "width": 64, "height": 48} for n, f in enumerate(files)]
    category = {"id": 1, "name": "person", "keypoints": list(names)}
    path.write_text(json.dumps({"images": images, "annotations": people, "categories": [category]}))
    return path


def test_coco_keypoints(tmp_path: Path) -> None:
    square = [[10.0, 12, 20, 12, 20, 30, 10, 30]]
    outside = coco_person(1)
    outside["keypoints"][:3] = [99, 3, 2]
    broken = coco_person(1, bbox=[0, 0, float("nan"), 3])
    runs = {"size": [48, 64], "counts": [48 * 3, 48 * 2, 48 * 59]}
    people = [
        coco_person(0, segmentation=square, foot_kpts=[5, 6, 2] * 3 + [0, 0, 0] * 3),
        coco_person(0, iscrowd=1),
        *(outside, broken, coco_person(2, segmentation=runs), coco_person(3), coco_person(4)),
    ]
    found = convert(
        tmp_path, "coco", coco_file(tmp_path / "k.json", people), fov=60, license="CC-BY-4.0"
    )
    assert sorted(found) == ["a", "b", "c"]
    (first,) = found["a"].people
    (joints,) = first.joints_2d
    assert joints.joint_set == "coco23" and joints.pixels.shape == (23, 2)
    np.testing.assert_allclose(joints.pixels[[0, 5, 17, 19]], [[10, 20], [15, 25], [5, 6], [5, 6]])
    assert np.isnan(joints.pixels[[4, 20, 22]]).all()
    assert first.mask is not None and first.mask[20, 15] and not first.mask[20, 25]
    assert found["c"].people[0].mask[:, [3, 4]].all() and found["c"].people[0].mask.sum() == 96
    assert len(found["b"].people) == 1
    assert np.isnan(found["b"].people[0].joints_2d[0].pixels[0]).all()
    focal = 32 / np.tan(np.deg2rad(30))
    np.testing.assert_allclose(found["a"].intrinsics[0], [focal, 0, 31.5])
    assert found["a"].size == (WIDTH, HEIGHT) and found["a"].image().shape == (HEIGHT, WIDTH, 3)
    counts = report(tmp_path)
    assert counts["skipped"] == {"image gone": 1, "image broken": 1}
    assert counts["left_out_of_items"] == {
        "keypoints outside the picture": 1,
        "person left out: box not finite": 1,
    }
    assert "gone.jpg" in counts["named"]["image gone"][0]


def test_pictures_of_coco_have_no_camera_unless_one_is_known(tmp_path: Path) -> None:
    found = convert(tmp_path, "coco", coco_file(tmp_path / "k.json", [coco_person(0)]))
    assert found["a"].intrinsics is None


def test_jpegs_are_kept_as_they_are(tmp_path: Path) -> None:
    convert(tmp_path, "coco", coco_file(tmp_path / "k.json", [coco_person(0)]))
    shard = (tmp_path / "set" / "shard-000000.tar").read_bytes()
    assert (images(tmp_path) / "a.jpg").read_bytes() in shard


def test_pngs_become_jpegs_on_request(tmp_path: Path) -> None:
    convert(tmp_path, "coco", coco_file(tmp_path / "k.json", [coco_person(2)]), jpeg="")
    shard = (tmp_path / "set" / "shard-000000.tar").read_bytes()
    assert b".jpg" in shard and b".png" not in shard


def test_an_import_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = coco_file(tmp_path / "k.json", [coco_person(0)])
    convert(tmp_path, "coco", path)
    coco_file(path, [coco_person(0), coco_person(1)])
    assert sorted(convert(tmp_path, "coco", path)) == ["a", "b"]
    assert report(tmp_path)["used"] == 1


def test_unknown_joints_and_damaged_files_are_named(tmp_path: Path) -> None:
    path = coco_file(tmp_path / "k.json", [coco_person(0)], ("tail", *COCO[1:17]))
    with pytest.raises(UserError, match=r"k\.json.*'tail'"):
        convert(tmp_path, "coco", path)
    path.write_text("{")
    with pytest.raises(UserError, match=r"k\.json"):
        convert(tmp_path, "coco", path)
    with pytest.raises(UserError, match=r"None of 2 items could be used: image broken, image gone"):
        convert(tmp_path, "coco", coco_file(path, [coco_person(4), coco_person(3)]), every=1)


def atlas_file(path: Path) -> Path:
    """Parts 1 and 2: a square of two faces each, over SMPL's vertices 10 to 13 and 20 to 23."""
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    u, v = np.concatenate([square, square * 0.5]).T[:, :, None]
    faces = np.array([[1, 2, 3], [1, 3, 4], [5, 6, 7], [5, 7, 8]])
    vertices = np.array([[10, 11, 12, 13, 20, 21, 22, 23]]) + 1
    part = np.array([[1], [1], [2], [2]])
    names = ("All_Faces", "All_FaceIndices", "All_U_norm", "All_V_norm", "All_vertices")
    savemat(path, dict(zip(names, (faces, part, u, v, vertices), strict=True)))
    return path


def test_densepose_pairs(tmp_path: Path) -> None:
    pairs = {"dp_x": [0, 255, 51, 30], "dp_y": [0, 255, 102, 10], "dp_I": [1, 2, 2, 7]}
    pairs |= {"dp_U": [0.75, 0.25, 0.9, 0.1], "dp_V": [0.25, 0.5, 0.2, 0.1]}
    people = [coco_person(0, bbox=[8.4, 9.2, 30.1, 35.4], **pairs)]
    path = coco_file(tmp_path / "d.json", people)
    data = json.loads(path.read_text())
    del data["categories"][0]["keypoints"]  # then the order is COCO's
    path.write_text(json.dumps(data))
    atlas = atlas_file(tmp_path / "UV_Processed.mat")
    surface = convert(tmp_path, "densepose", path, atlas=atlas)["a"].people[0].surface
    assert surface is not None and surface.kind == "smpl" and len(surface.pixels) == 3
    np.testing.assert_allclose(surface.pixels, [[8, 9], [38, 44], [14, 23]], atol=1e-5)
    places = {10: (0, 0), 11: (1, 0), 12: (1, 1), 13: (0, 1)}
    places |= {number + 10: np.multiply(place, 0.5) for number, place in list(places.items())}
    for row, uv in enumerate([(0.75, 0.25), (0.25, 0.5), (0.5, 0.2)]):  # the third: on the edge
        corners = np.array([places[int(corner)] for corner in surface.corners[row]])
        np.testing.assert_allclose(surface.weights[row] @ corners, uv, atol=1e-6)
    assert set(surface.corners[0]) == {10, 11, 12}
    assert report(tmp_path)["left_out_of_items"] == {"surface points on no face": 1}
    with pytest.raises(UserError, match="--atlas"):
        convert(tmp_path, "densepose", path)
    with pytest.raises(UserError, match="UV atlas"):
        convert(tmp_path, "densepose", path, atlas=path)


def test_inspecting_counts_what_is_known(tmp_path: Path, capsys) -> None:
    convert(
        tmp_path, "coco", coco_file(tmp_path / "k.json", [coco_person(0), coco_person(0)]), fov=60
    )
    parser = argparse.ArgumentParser()
    inspect_command.add_arguments(parser)
    options = parser.parse_args([str(tmp_path / "set"), "--json", str(tmp_path / "counts.json")])
    assert inspect_command.run(options) == 0
    counts = json.loads((tmp_path / "counts.json").read_text())["counts"]
    assert counts == {
        "examples": 1,
        "examples with a camera": 1,
        "people": 2,
        "2D skeletons: coco17": 2,
    }
    shard = tmp_path / "set" / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes().replace(b"\xff\xd8", b"\0\0"))
    assert inspect_command.run(options) == 1
    assert "1 skipped: image broken" in capsys.readouterr().out


def test_the_guides_example_runs(tmp_path: Path, monkeypatch) -> None:
    guide = Path(import_command.__file__).with_name("README.md").read_text(encoding="utf-8")
    code = guide.split("## A worked example")[1].split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    stated = json.loads(guide.split("```json\n")[1].split("```")[0])
    shard = (tmp_path / "wrists" / "shard-000000.tar").read_bytes()
    assert json.dumps(stated).encode() in shard
    for member in ("jpg", "json", "p0.joints_3d.lab.npy", "p0.joints_2d.coco17.npy"):
        assert f"frame-0001.{member}".encode() in shard
