# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons and body parameters in public layouts, through the import command."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from nlf_blender.body.body_data import BodyData, body_from_arrays
from nlf_blender.body.forward import posed_body, skinned, unposed_body
from nlf_blender.errors import UserError
from nlf_blender.worker.training.datasets.example import BodyTruth
from nlf_blender.worker.training.datasets.joint_set_names import MPI_INF_3DHP
from tests.body_examples import family_arrays, write_npz
from tests.worker.import_examples import HEIGHT, WIDTH, convert, report


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
def test_human36m(tmp_path: Path, joints: int) -> None:
    columns = skeleton_columns(joints)
    if joints == 24:  # with how sure each joint is
        columns["S"] = np.concatenate([columns["S"], np.ones((3, 24, 1))], axis=2)
        columns["S"][:, 7, 3] = 0
    found = convert(tmp_path, "human36m", write_npz(tmp_path / "h.npz", columns))["a"]
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


def test_mpi_inf_3dhp_in_millimetres_with_cameras(tmp_path: Path) -> None:
    places = np.random.default_rng(1).normal(size=(3, 28, 3)) * 400 + [0, 0, 3000]
    matrix = [[50, 0, 31.5], [0, 51, 23.5], [0, 0, 1]]
    cameras = tmp_path / "cameras.json"
    cameras.write_text(json.dumps({"a.j": {"intrinsics": matrix, "distortion": [0.1, 0]}}))
    path = write_npz(tmp_path / "m.npz", skeleton_columns(28, S=places))
    found = convert(tmp_path, "mpi-inf-3dhp", path, cameras=cameras)["a"]
    (joints,) = found.people[1].joints_3d
    assert joints.joint_set == "mpi_inf_3dhp28" and joints.absolute
    np.testing.assert_allclose(joints.positions, places[2] / 1000, atol=1e-6)
    assert MPI_INF_3DHP.index("pelvis") == 4
    np.testing.assert_allclose(found.intrinsics, matrix)
    np.testing.assert_allclose(found.distortion, [0.1, 0], atol=1e-7)


def test_cameras_in_the_file_need_a_focal_length(tmp_path: Path) -> None:
    matrices = np.array([np.diag([0.0, 50, 1]), np.eye(3), np.eye(3)])
    path = write_npz(tmp_path / "h.npz", skeleton_columns(17, intrinsics=matrices))
    with pytest.raises(UserError, match="camera without focal length"):
        convert(tmp_path, "human36m", path)


@pytest.mark.parametrize(
    "change, word",
    [
        ({"S": np.zeros((3, 19, 3))}, "19"),
        ({"imgname": np.array(["a.jpg"])}, "rows"),
        ({"imgname": np.array(["a.jpg", "b.jpg", None], dtype=object)}, "pickle"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, change, word: str) -> None:
    path = write_npz(tmp_path / "h.npz", skeleton_columns(17, **change))
    with pytest.raises(UserError, match=word):
        convert(tmp_path, "human36m", path)


def posed(body: BodyData, truth: BodyTruth) -> np.ndarray:
    """Vertices of a body as training poses it."""
    unposed = unposed_body(body, truth.betas)
    return skinned(body, unposed, truth.rotations, truth.translation, truth.scale).vertices


def test_bedlam(tmp_path: Path) -> None:
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
    found = convert(tmp_path, "bedlam", write_npz(tmp_path / "scene.npz", columns))
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


def test_agora(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    sizes = {"global_orient": 3, "body_pose": 63, "jaw_pose": 3, "leye_pose": 3, "reye_pose": 3}
    sizes |= {"left_hand_pose": 45, "right_hand_pose": 45, "betas": 10, "transl": 3}
    fit = {name: random.normal(size=(1, size)) * 0.2 for name, size in sizes.items()}
    table, columns = agora_folder(tmp_path, fit)
    found = convert(tmp_path, "agora", table, bodies=tmp_path / "bodies")
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
        convert(tmp_path, "agora", table)
