# SPDX-License-Identifier: GPL-3.0-or-later
"""Public layouts, each as a tiny file made here, through the import command into a dataset."""

from __future__ import annotations

import argparse
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from nlf_blender.body.body_data import BodyData, body_from_arrays
from nlf_blender.body.forward import posed_body, skinned, unposed_body
from nlf_blender.errors import UserError
from nlf_blender.worker.training.datasets import import_command, inspect_command
from nlf_blender.worker.training.datasets.example import BodyTruth, Example
from nlf_blender.worker.training.datasets.joint_set_names import COCO, MPI_INF_3DHP
from nlf_blender.worker.training.datasets.shard_reader import open_dataset
from tests.body_examples import family_arrays, write_npz

WIDTH, HEIGHT = 64, 48


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of two JPEGs, a PNG, one that is cut off, and one that is wider than high."""
    folder = tmp_path / "images"
    folder.mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    for name in ("a.jpg", "b.jpg", "c.png", "closeup.png"):
        assert cv2.imwrite(str(folder / name), picture)
    whole = (folder / "a.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def convert(tmp_path: Path, images: Path) -> Callable[..., dict[str, Example]]:
    """Run the command; the examples by the readable part of their names."""

    def run(layout: str, *annotations: Path, **options: object) -> dict[str, Example]:
        parser = argparse.ArgumentParser()
        import_command.add_arguments(parser)
        more = [text for key, value in options.items() for text in (f"--{key}", str(value)) if text]
        folder = tmp_path / "set"
        fixed = ["--images", str(images), "--out", str(folder)]
        fixed += ["--report", str(tmp_path / "report.json")]
        arguments = parser.parse_args([layout, *map(str, annotations), *fixed, *more])
        assert import_command.run(arguments) == 0
        dataset = open_dataset(folder)
        found = [dataset[number] for number in range(len(dataset))]
        return {item.name.rsplit("-", 1)[0]: item for item in found}

    return run


def report(tmp_path: Path) -> dict[str, dict[str, int]]:
    return json.loads((tmp_path / "report.json").read_text())


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


def test_coco_keypoints(tmp_path: Path, images: Path, convert) -> None:
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
    found = convert("coco", coco_file(tmp_path / "k.json", people), fov=60, license="CC-BY-4.0")
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


def test_pictures_of_coco_have_no_camera_unless_one_is_known(tmp_path: Path, convert) -> None:
    found = convert("coco", coco_file(tmp_path / "k.json", [coco_person(0)]))
    assert found["a"].intrinsics is None


def test_jpegs_are_kept_as_they_are(tmp_path: Path, images: Path, convert) -> None:
    convert("coco", coco_file(tmp_path / "k.json", [coco_person(0)]))
    shard = (tmp_path / "set" / "shard-000000.tar").read_bytes()
    assert (images / "a.jpg").read_bytes() in shard


def test_pngs_become_jpegs_on_request(tmp_path: Path, convert) -> None:
    convert("coco", coco_file(tmp_path / "k.json", [coco_person(2)]), jpeg="")
    shard = (tmp_path / "set" / "shard-000000.tar").read_bytes()
    assert b".jpg" in shard and b".png" not in shard


def test_an_import_goes_on_where_it_stopped(tmp_path: Path, convert) -> None:
    path = coco_file(tmp_path / "k.json", [coco_person(0)])
    convert("coco", path)
    coco_file(path, [coco_person(0), coco_person(1)])
    assert sorted(convert("coco", path)) == ["a", "b"]
    assert report(tmp_path)["used"] == 1


def test_unknown_joints_and_damaged_files_are_named(tmp_path: Path, convert) -> None:
    path = coco_file(tmp_path / "k.json", [coco_person(0)], ("tail", *COCO[1:17]))
    with pytest.raises(UserError, match=r"k\.json.*'tail'"):
        convert("coco", path)
    path.write_text("{")
    with pytest.raises(UserError, match=r"k\.json"):
        convert("coco", path)
    with pytest.raises(UserError, match=r"None of 2 items could be used: image broken, image gone"):
        convert("coco", coco_file(path, [coco_person(4), coco_person(3)]), every=1)


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


def test_densepose_pairs(tmp_path: Path, convert) -> None:
    pairs = {"dp_x": [0, 255, 51, 30], "dp_y": [0, 255, 102, 10], "dp_I": [1, 2, 2, 7]}
    pairs |= {"dp_U": [0.75, 0.25, 0.9, 0.1], "dp_V": [0.25, 0.5, 0.2, 0.1]}
    people = [coco_person(0, bbox=[8.4, 9.2, 30.1, 35.4], **pairs)]
    path = coco_file(tmp_path / "d.json", people)
    atlas = atlas_file(tmp_path / "UV_Processed.mat")
    surface = convert("densepose", path, atlas=atlas)["a"].people[0].surface
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
        convert("densepose", path)
    with pytest.raises(UserError, match="UV atlas"):
        convert("densepose", path, atlas=path)


def skeleton_columns(joints: int, **values: np.ndarray) -> dict[str, np.ndarray]:
    """Two people in a.jpg and one in gone.jpg; 3D and 2D joints that tell their row."""
    places = np.arange(joints)[None, :, None] * np.array([0.01, 0.02, 0.03]) + np.zeros((3, 1, 1))
    pixels = np.arange(joints)[None, :, None] + np.array([[[1.0, 2.0, 1.0]]] * 3) * [1, 1, 1]
    pixels[..., 2] = 1
    pixels[:, 6, 2] = 0
    return {
        "imgname": np.array(["a.jpg", "gone.jpg", "a.jpg"]),
        "center": np.full((3, 2), 30.0),
        "scale": np.full(3, 0.2),
        "S": places,
        "part": pixels,
    } | values


@pytest.mark.parametrize("joints", [17, 24, 32])
def test_human36m(tmp_path: Path, convert, joints: int) -> None:
    columns = skeleton_columns(joints)
    if joints == 24:  # with how sure each joint is
        columns["S"] = np.concatenate([columns["S"], np.ones((3, 24, 1))], axis=2)
        columns["S"][:, 7, 3] = 0
    found = convert("human36m", write_npz(tmp_path / "h.npz", columns))["a"]
    assert len(found.people) == 2 and found.intrinsics is None
    np.testing.assert_allclose(found.people[0].box, [10, 10, 40, 40])
    (in_3d,), (in_2d,) = found.people[0].joints_3d, found.people[0].joints_2d
    rows = {
        17: list(range(17)),
        24: [14, 2, 1, 0, 3, 4, 5, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6],
        32: [*range(11), 12, 13, 14, 15, 17, 18, 19, 21, 22, 25, 26, 27, 29, 30],
    }[joints]
    assert in_3d.joint_set == in_2d.joint_set == ("h36m25" if joints == 32 else "h36m17")
    expected = np.array(rows)[:, None] * np.array([0.01, 0.02, 0.03])
    known = np.array([row != 7 or joints != 24 for row in rows])
    np.testing.assert_allclose(in_3d.positions[known], expected[known], atol=1e-6)
    assert np.isnan(in_3d.positions[~known]).all()
    assert np.isnan(in_2d.pixels[rows.index(6)]).all()
    assert in_3d.absolute == (joints == 24)  # there, the pelvis is not the row of zeros
    assert report(tmp_path)["skipped"] == {"image gone": 1}


def test_mpi_inf_3dhp_in_millimetres_with_cameras(tmp_path: Path, convert) -> None:
    places = np.random.default_rng(1).normal(size=(3, 28, 3)) * 400 + [0, 0, 3000]
    matrix = [[50, 0, 31.5], [0, 51, 23.5], [0, 0, 1]]
    cameras = tmp_path / "cameras.json"
    cameras.write_text(json.dumps({"a.j": {"intrinsics": matrix, "distortion": [0.1, 0]}}))
    path = write_npz(tmp_path / "m.npz", skeleton_columns(28, S=places))
    found = convert("mpi-inf-3dhp", path, cameras=cameras)["a"]
    (joints,) = found.people[1].joints_3d
    assert joints.joint_set == "mpi_inf_3dhp28" and joints.absolute
    np.testing.assert_allclose(joints.positions, places[2] / 1000, atol=1e-6)
    assert MPI_INF_3DHP.index("pelvis") == 4
    np.testing.assert_allclose(found.intrinsics, matrix)
    np.testing.assert_allclose(found.distortion, [0.1, 0], atol=1e-7)


def test_cameras_in_the_file_need_a_focal_length(tmp_path: Path, convert) -> None:
    matrices = np.array([np.diag([0.0, 50, 1]), np.eye(3), np.eye(3)])
    path = write_npz(tmp_path / "h.npz", skeleton_columns(17, intrinsics=matrices))
    with pytest.raises(UserError, match="camera without focal length"):
        convert("human36m", path)


@pytest.mark.parametrize(
    "change, word",
    [
        ({"S": np.zeros((3, 19, 3))}, "19"),
        ({"imgname": np.array(["a.jpg"])}, "rows"),
        ({"imgname": np.array(["a.jpg", "b.jpg", None], dtype=object)}, "pickle"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, convert, change, word: str) -> None:
    path = write_npz(tmp_path / "h.npz", skeleton_columns(17, **change))
    with pytest.raises(UserError, match=word):
        convert("human36m", path)


def posed(body: BodyData, truth: BodyTruth) -> np.ndarray:
    """Vertices of a body as training poses it."""
    unposed = unposed_body(body, truth.betas)
    return skinned(body, unposed, truth.rotations, truth.translation, truth.scale).vertices


def test_bedlam(tmp_path: Path, convert) -> None:
    random = np.random.default_rng(3)
    pose = random.normal(size=(3, 165)) * 0.3
    outwards = np.tile(np.eye(4), (3, 1, 1))
    outwards[:, :3, 3] = random.normal(size=(3, 3))
    pose[2] = np.nan
    columns = {
        "imgname": np.array(["a.jpg", "closeup.png", "b.jpg"]),
        "pose_cam": pose,
        "shape": random.normal(size=(3, 11)) * 0.3,
        "trans_cam": np.array([[0, 0, 3.0]] * 3),
        "cam_ext": outwards,
        "cam_int": np.array([[[60.0, 0, 32], [0, 60, 24], [0, 0, 1]]] * 3),
        "gender": np.array(["neutral", "m", "neutral"]),
        "gtkps": random.uniform(5, 40, (3, 127, 3)),
    }
    found = convert("bedlam", write_npz(tmp_path / "scene.npz", columns))
    assert sorted(found) == ["a", "closeup"]
    (person,) = found["a"].people
    assert person.body is not None and person.body.kind == "smplx"
    body = body_from_arrays(family_arrays("smplx", components=20))
    there = posed_body(body, pose[0].reshape(55, 3), columns["shape"][0][:10], np.zeros(3))
    expected = there.vertices + columns["trans_cam"][0] + outwards[0, :3, 3]
    known = posed(body, BodyTruth(**{**vars(person.body), "betas": person.body.betas[:10]}))
    np.testing.assert_allclose(known, expected, atol=1e-5)
    low = columns["gtkps"][0, :, :2].min(axis=0)
    np.testing.assert_allclose(person.box[:2], low, atol=1e-5)
    assert found["closeup"].people[0].body.gender == "male"
    assert found["closeup"].size == (HEIGHT, WIDTH)  # stored turned
    upright = np.rot90(cv2.imread(str(tmp_path / "images" / "closeup.png"))[..., ::-1], -1)
    assert (found["closeup"].image() == upright).all()
    assert report(tmp_path)["skipped"] == {"body not finite": 1}


def agora_folder(folder: Path, fit: dict[str, np.ndarray]) -> tuple[Path, dict[str, np.ndarray]]:
    """A table of a man, a child and a man whose fit would run something; bodies beside it."""
    columns = {
        "imgPath": np.array(["a.jpg", "a.jpg", "b.jpg"]),
        "X": np.array([300.0, 300, 400]),
        "Y": np.array([40.0, 20, 0]),
        "Z": np.array([50.0, 0, 0]),
        "Yaw": np.array([25.0, 0, 0]),
        "camX": np.array([-20.0] * 3),
        "camY": np.array([15.0] * 3),
        "camZ": np.array([-100.0] * 3),
        "camYaw": np.array([10.0] * 3),
        "gender": np.array(["male"] * 3),
        "kid": np.array([False, True, False]),
        "isValid": np.array([True] * 3),
        "gt_path_smplx": np.array(["fits/one.obj", "fits/two.obj", "fits/evil.obj"]),
    }
    (folder / "fits").mkdir()
    with open(folder / "fits" / "one.pkl", "wb") as file:
        pickle.dump(fit, file)
    (folder / "fits" / "evil.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    write_npz(folder / "bodies" / "SMPLX_MALE.npz", family_arrays("smplx", 20))
    return write_npz(folder / "table.npz", columns), columns


def agora_chain(points: np.ndarray, columns: dict[str, np.ndarray]) -> np.ndarray:
    """Points of the first fit in the camera, step by step as AGORA's evaluation goes."""

    def turned(degrees: float) -> np.ndarray:
        return cv2.Rodrigues(np.array([0.0, np.deg2rad(degrees), 0]))[0]

    row = {name: column[0] for name, column in columns.items()}
    opened = points * [1, -1, -1]
    opened = opened @ turned(row["Yaw"] - 90).T
    opened = opened + np.array([row["Y"], -row["Z"], row["X"]]) / 100
    camera = np.array([row["camY"], -row["camZ"], row["camX"]]) / 100 + [0, -1.7, 0]
    return (opened - camera) @ turned(-row["camYaw"]).T


def test_agora(tmp_path: Path, convert) -> None:
    random = np.random.default_rng(4)
    sizes = {"global_orient": 3, "body_pose": 63, "jaw_pose": 3, "leye_pose": 3, "reye_pose": 3}
    sizes |= {"left_hand_pose": 45, "right_hand_pose": 45, "betas": 10, "transl": 3}
    fit = {name: random.normal(size=(1, size)) * 0.2 for name, size in sizes.items()}
    table, columns = agora_folder(tmp_path, fit)
    found = convert("agora", table, bodies=tmp_path / "bodies")
    (person,) = found["a"].people  # without the child
    assert person.body is not None and person.body.gender == "male"
    body = body_from_arrays(family_arrays("smplx", 20))
    assert body.hands is not None
    pose = np.concatenate([fit[name][0] for name in list(sizes)[:7]])
    pose[75:] += np.concatenate([body.hands.left_mean, body.hands.right_mean])
    there = posed_body(body, pose.reshape(55, 3), fit["betas"][0], fit["transl"][0]).vertices
    expected = agora_chain(there, columns)
    np.testing.assert_allclose(posed(body, person.body), expected, atol=1e-5)
    focal = [WIDTH * 28 / 36, HEIGHT * 28 / 20.25]
    np.testing.assert_allclose(np.diag(found["a"].intrinsics)[:2], focal)
    pixels = expected[:, :2] / expected[:, 2:] * focal + [31.5, 23.5]
    low = np.clip(pixels.min(axis=0), -0.5, None)
    np.testing.assert_allclose(person.box[:2], low, atol=1e-4)
    counts = report(tmp_path)
    assert counts["skipped"] == {"pickle refused": 1} and "system" in str(counts["named"])
    with pytest.raises(UserError, match="SMPLX_MALE"):
        convert("agora", table)


def test_inspecting_counts_what_is_known(tmp_path: Path, convert, capsys) -> None:
    convert("coco", coco_file(tmp_path / "k.json", [coco_person(0), coco_person(0)]), fov=60)
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
