# SPDX-License-Identifier: GPL-3.0-or-later
"""Body files: what is read, what is refused and how, and what a take keeps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from body_examples import (
    OPEN_BODY,
    SMALL_NAMES,
    SMALL_PARENTS,
    family_arrays,
    small_arrays,
    small_body,
)

from nlf_blender.body.body_data import body_from_arrays, load_body_npz, reduced_body_npz
from nlf_blender.body.hands import SIDES, hand_joints, hand_pose_from_pca
from nlf_blender.body.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS
from nlf_blender.errors import UserError

Arrays = dict[str, np.ndarray]


def written(folder: Path, arrays: Arrays) -> Path:
    """The arrays as an npz file."""
    path = folder / "body file ü.npz"
    np.savez(path, **arrays)
    return path


def test_the_open_body_is_whole() -> None:
    body = load_body_npz(OPEN_BODY)
    assert body.skeleton.joint_names == SMPL_JOINT_NAMES
    assert body.skeleton.parents == SMPL_PARENTS
    assert body.posedirs is not None and body.joint_regressor is not None
    assert body.canonical_vertices is not None and body.canonical_joints is not None
    assert body.uv is not None and body.face_uv is not None and body.vertex_part is not None
    assert body.license.startswith("CC0") and body.sha256 == ""
    left, right = (body.joints_template[body.skeleton.index(s + "_Shoulder")] for s in "LR")
    assert left[0] > 0.1 > -0.1 > right[0], "the person's left is not +x"
    head, foot = (body.joints_template[body.skeleton.index(s)] for s in ("Head", "L_Foot"))
    assert head[1] > foot[1] + 1, "y is not up"
    assert foot[2] > body.joints_template[body.skeleton.index("L_Ankle"), 2], "it faces back"


def test_joints_are_the_regressors() -> None:
    arrays = small_arrays()
    body = small_body()
    betas = np.array([1.0, -2.0, 0.5])
    shaped = arrays["v_template"] + arrays["shapedirs"] @ betas
    np.testing.assert_allclose(
        body.joints_template + body.joints_shapedirs @ betas,
        arrays["J_regressor"] @ shaped,
        atol=1e-12,
    )


def test_a_reduced_body_keeps_what_a_scene_needs(tmp_path: Path) -> None:
    body = load_body_npz(OPEN_BODY)
    path = tmp_path / "body.npz.tmp"
    path.write_bytes(reduced_body_npz(body))
    again = load_body_npz(path)
    assert again.joint_regressor is None
    assert body.posedirs is not None and again.posedirs is not None
    np.testing.assert_allclose(again.posedirs, body.posedirs, atol=2e-5)
    assert path.stat().st_size < 5e6
    for name in (
        "v_template",
        "shapedirs",
        "weights",
        "joints_template",
        "joints_shapedirs",
        "canonical_vertices",
        "canonical_joints",
        "uv",
    ):
        np.testing.assert_allclose(getattr(again, name), getattr(body, name), atol=1e-6)
    for name in ("faces", "face_uv", "vertex_part", "mirror_vertices"):
        np.testing.assert_array_equal(getattr(again, name), getattr(body, name))
    for name in ("skeleton", "part_names", "name", "license", "sha256", "gender"):
        assert getattr(again, name) == getattr(body, name)


def test_dense_pose_correctives_in_a_reduced_body(tmp_path: Path) -> None:
    arrays = small_arrays()
    shape = arrays["posedirs"].shape
    features = np.geomspace(1e-5, 1e-2, shape[2])  # metres; some features move the skin far more
    arrays["posedirs"] = features * np.random.default_rng(3).standard_t(3, size=shape)
    whole = load_body_npz(written(tmp_path, arrays))
    data = reduced_body_npz(whole)
    (tmp_path / "reduced.npz").write_bytes(data)
    again = load_body_npz(tmp_path / "reduced.npz").posedirs
    assert whole.posedirs is not None and again is not None
    assert np.abs(again - whole.posedirs).max() < 2.51e-5
    assert len(data) < 2 * whole.posedirs.size  # of which float32 takes four times


def test_very_large_pose_correctives_in_a_reduced_body(tmp_path: Path) -> None:
    arrays = small_arrays()
    arrays["posedirs"] *= 50 / np.abs(arrays["posedirs"]).max()
    whole = load_body_npz(written(tmp_path, arrays))
    (tmp_path / "reduced.npz").write_bytes(reduced_body_npz(whole))
    again = load_body_npz(tmp_path / "reduced.npz").posedirs
    assert whole.posedirs is not None and again is not None
    assert np.abs(again - whole.posedirs).max() < 50 / 2**15


def test_a_small_body_is_as_good(tmp_path: Path) -> None:
    body = load_body_npz(written(tmp_path, small_arrays()))
    assert (body.vertex_count, body.joint_count, body.beta_count) == (280, 5, 3)
    assert body.skeleton.joint_names == SMALL_NAMES
    assert body.skeleton.parents == SMALL_PARENTS
    assert body.name == "body file ü"


def test_names_are_made_up_where_a_file_has_none() -> None:
    arrays = small_arrays()
    del arrays["joint_names"]
    assert body_from_arrays(arrays).skeleton.joint_names[1] == "Joint_01"


@pytest.mark.parametrize(("kind", "joints"), [("smpl", 24), ("smplh", 52), ("smplx", 55)])
def test_the_family_is_known_by_its_joints(kind: str, joints: int) -> None:
    arrays = family_arrays(kind)
    body = body_from_arrays(arrays)
    names = body.skeleton.joint_names
    assert (body.kind, body.joint_count, names[21]) == (kind, joints, "R_Wrist")
    hands = [hand_joints(body.skeleton, side) for side in SIDES]
    assert all(hands) == (kind != "smpl") and (body.hands is not None) == (kind != "smpl")
    for hand, wrist in zip(hands, ("L_Wrist", "R_Wrist"), strict=True):
        roots = [joint for joint in hand if body.skeleton.parents[joint] not in hand]
        assert {names[body.skeleton.parents[joint]] for joint in roots} <= {wrist}
        assert len(roots) == (5 if hand else 0)
    arrays["kintree_table"] = arrays["kintree_table"].astype(np.int64)
    arrays["kintree_table"][0, 0] = -1
    assert body_from_arrays(arrays).kind == kind
    arrays["kintree_table"][0, 15] = 0  # the head at the pelvis
    assert body_from_arrays(arrays).kind == ""


def test_hand_poses_by_components() -> None:
    body = body_from_arrays(family_arrays("smplh"))
    assert body.hands is not None and body.hands.component_count == 45
    flat = hand_pose_from_pca(body.hands, "left", np.array([2.0, -1.0]), flat_hand_mean=True)
    rows = body.hands.left_components
    np.testing.assert_allclose(flat.ravel(), 2 * rows[0] - rows[1])
    relaxed = hand_pose_from_pca(body.hands, "left", np.array([2.0, -1.0]))
    np.testing.assert_allclose(relaxed - flat, body.hands.mean("left"))
    many = hand_pose_from_pca(body.hands, "right", np.zeros((4, 6)))
    np.testing.assert_array_equal(many[2], body.hands.mean("right"))
    with pytest.raises(ValueError, match="46 hand coefficients"):
        hand_pose_from_pca(body.hands, "left", np.zeros(46))
    with pytest.raises(ValueError, match="'L' is not one of left, right"):
        body.hands.mean("L")


def test_weights_that_rounding_made_negative() -> None:
    arrays = small_arrays()
    arrays["weights"][arrays["weights"] == 0] = -1e-9
    weights = body_from_arrays(arrays).weights
    assert weights.min() == 0
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_pickled_extras_are_left_alone(tmp_path: Path) -> None:
    extras = {"joint2num": np.array({"Pelvis": 0}, dtype=object)}
    path = tmp_path / "smplx_like.npz"
    np.savez(path, **small_arrays(), **extras)
    assert load_body_npz(path).joint_count == 5


def drop(key: str) -> Callable[[Arrays], None]:
    """A fault: the array is missing."""
    return lambda arrays: arrays.__delitem__(key)


def set_value(key: str, value: object) -> Callable[[Arrays], None]:
    """A fault: every number of the array is this one."""
    return lambda arrays: arrays.__setitem__(key, np.full_like(arrays[key], value))


def cut(key: str) -> Callable[[Arrays], None]:
    """A fault: the first row of the array is missing."""
    return lambda arrays: arrays.__setitem__(key, arrays[key][1:])


FAULTS = {
    "v_template is missing": drop("v_template"),
    "weights is missing": drop("weights"),
    "J_regressor is missing": drop("J_regressor"),
    "v_template has values that are not finite": set_value("v_template", np.nan),
    "weights are negative or do not sum to 1": set_value("weights", 0.5),
    "shapedirs has shape": cut("shapedirs"),
    "posedirs has shape": cut("posedirs"),
    "J_regressor has shape": cut("J_regressor"),
    "f refers to 9999": set_value("f", 9999),
    "2 joints have no parent": set_value(
        "kintree_table", [[4294967295, 4294967295, 1, 0, 1], [*range(5)]]
    ),
    "joint names, 5 parents": cut("joint_names"),
    "kintree_table has shape": cut("kintree_table"),
    "not whole numbers": lambda arrays: arrays.update(f=arrays["f"] * 1.0),
    "v_template holds uint32": lambda arrays: arrays.update(v_template=arrays["f"]),
}


@pytest.mark.parametrize("said", FAULTS)
def test_a_faulty_file_is_named_with_its_fault(said: str, tmp_path: Path) -> None:
    arrays = small_arrays()
    FAULTS[said](arrays)
    path = written(tmp_path, arrays)
    with pytest.raises(UserError) as caught:
        load_body_npz(path)
    assert said in caught.value.detail and str(path) in caught.value.detail
    assert caught.value.fix


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    whole = OPEN_BODY.read_bytes()
    contents = {"text.npz": b"hello", "empty.npz": b"", "cut.npz": whole[: len(whole) // 2]}
    damaged = bytearray(whole)
    damaged[2000:3000] = bytes(1000)
    contents["damaged.npz"] = bytes(damaged)
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=name):
            load_body_npz(path)
    np.save(tmp_path / "single.npy", np.zeros(3))
    for name in ("single.npy", "absent.npz", "."):
        with pytest.raises(UserError, match=re.escape(str(tmp_path / name))):
            load_body_npz(tmp_path / name)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "pickled.npz"
    np.savez(path, **{**small_arrays(), "f": np.array({"a": 1}, dtype=object)})
    with pytest.raises(UserError, match=r"pickled\.npz"):
        load_body_npz(path)
