# SPDX-License-Identifier: GPL-3.0-or-later
"""Body files in the layouts of their publishers, and what a user is told of others."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from body_examples import FAMILY_VERTICES, OPEN_BODY, family_arrays
from fake_chumpy import Ch, Select, as_chumpy
from safetensors.torch import save_file
from scipy import sparse

from nlf_blender.body import npz_file
from nlf_blender.body.body_data import load_body_npz, reduced_body_npz
from nlf_blender.errors import UserError
from nlf_blender.worker.smpl.body_files import LICENSES, load_body
from nlf_blender.worker.smpl.describe_body import describe_body

Arrays = dict[str, np.ndarray]


def write_npz(path: Path, arrays: Arrays) -> Path:
    """The arrays as an npz, whatever the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return path


def write_first_smpl(path: Path, arrays: Arrays, protocol: int) -> Path:
    """A pickle with all that SMPL's first release holds: 10 of 300 components in chumpy's arrays,
    sparse regressors, texts."""
    every = np.concatenate([arrays["shapedirs"], np.ones((FAMILY_VERTICES, 3, 290))], axis=2)
    few = np.arange(every.size).reshape(every.shape)[..., :10]
    regressor = sparse.csc_matrix(arrays["J_regressor"])
    content = {
        **arrays,
        "shapedirs": Select(Ch(every), few.ravel(), few.shape),
        "posedirs": Ch(arrays["posedirs"]),
        "v_template": Ch(arrays["v_template"]),
        "J": Ch(arrays["J_regressor"] @ arrays["v_template"]),
        "J_regressor": regressor,
        "J_regressor_prior": regressor,
        "weights_prior": arrays["weights"],
        "vert_sym_idxs": np.arange(FAMILY_VERTICES),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }
    with as_chumpy():
        path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", [0, 2])
def test_smpls_first_release(tmp_path: Path, protocol: int) -> None:
    arrays = family_arrays("smpl")
    path = tmp_path / "basicModel_f_lbs_10_207_0_v1.0.0.pkl"
    body = load_body(write_first_smpl(path, arrays, protocol))
    assert (body.kind, body.gender, body.name) == ("smpl", "female", "SMPL female")
    assert body.license == LICENSES["smpl"] and len(body.sha256) == 64
    assert body.joint_regressor is not None and body.posedirs is not None
    np.testing.assert_array_equal(body.v_template, arrays["v_template"])
    np.testing.assert_array_equal(body.shapedirs, arrays["shapedirs"])
    np.testing.assert_array_equal(body.posedirs, arrays["posedirs"])
    np.testing.assert_allclose(body.joint_regressor, arrays["J_regressor"])
    np.testing.assert_array_equal(body.faces, arrays["f"])
    assert body.skeleton.parents[0] == -1


@pytest.mark.parametrize(
    ("columns", "betas", "expressions"),
    [(400, 300, 100), (450, 300, 100), (20, 10, 10), (10, 10, 0)],
)
def test_an_smplx_has_shape_then_expressions(
    tmp_path: Path, columns: int, betas: int, expressions: int
) -> None:
    arrays = family_arrays("smplx", columns)
    body = load_body(write_npz(tmp_path / "smplx/male/model.npz", arrays))
    assert (body.beta_count, body.expression_count) == (betas, expressions)
    assert (body.kind, body.gender, body.name) == ("smplx", "male", "SMPL-X male")
    if expressions:
        expected = arrays["shapedirs"][..., betas : betas + expressions]
        np.testing.assert_array_equal(body.expression_dirs, expected)
        joints = np.einsum("jv,vce->jce", arrays["J_regressor"], expected)
        np.testing.assert_allclose(body.joints_expression_dirs, joints, atol=1e-12)


def test_hands_and_texture_coordinates_of_an_smplx(tmp_path: Path) -> None:
    arrays = family_arrays("smplx", 20)
    arrays["vt"], arrays["ft"] = np.random.default_rng(0).random((50, 2)), arrays["f"] % 50
    body = load_body(write_npz(tmp_path / "a.npz", arrays))
    assert body.hands is not None and body.uv is not None
    np.testing.assert_array_equal(body.hands.mean("right").ravel(), arrays["hands_meanr"])
    np.testing.assert_array_equal(body.face_uv, arrays["ft"])
    arrays["ft"] = arrays["ft"][1:]
    assert load_body(write_npz(tmp_path / "b.npz", arrays)).uv is None


def test_a_take_keeps_little_of_a_large_body(tmp_path: Path) -> None:
    arrays = family_arrays("smplx", 400, vertices=2000)
    body = load_body(write_npz(tmp_path / "SMPLX_NEUTRAL.npz", arrays))
    path = tmp_path / "body.npz"
    path.write_bytes(reduced_body_npz(body))
    again = load_body_npz(path)
    assert (again.beta_count, again.expression_count, again.kind) == (16, 10, "smplx")
    np.testing.assert_allclose(again.shapedirs, body.shapedirs[..., :16], atol=1e-7)
    np.testing.assert_allclose(again.expression_dirs, body.expression_dirs[..., :10], atol=1e-7)
    joints = body.joints_expression_dirs
    np.testing.assert_array_equal(again.joints_expression_dirs, joints[..., :10])
    np.testing.assert_allclose(again.hands.left_mean, body.hands.left_mean, atol=1e-6)
    assert path.stat().st_size < 0.2 * 8 * arrays["shapedirs"].size
    path.write_bytes(reduced_body_npz(body, beta_count=40, expression_count=3))
    assert (load_body(path).beta_count, load_body(path).expression_count) == (40, 3)


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    arrays = family_arrays("smplh", 16)
    path = write_npz(tmp_path / "smplh.pkl", arrays)
    assert load_body(path).kind == "smplh"
    path = tmp_path / "smplh.npz"
    path.write_bytes(pickle.dumps(arrays, 4))
    assert load_body(path).kind == "smplh"
    assert load_body(path).license == "", "who publishes it, neither mesh nor name tell"


def test_star_comes_without_its_pose_correctives(tmp_path: Path) -> None:
    arrays = family_arrays("smpl", 300)
    arrays["posedirs"] = arrays["posedirs"][..., :93]
    path = write_npz(tmp_path / "star_1_1/male/model.npz", arrays)
    body = load_body(path)
    assert body.posedirs is None and body.beta_count == 300
    assert body.license == LICENSES["star"]
    found = describe_body(path)
    assert found.kind == "STAR body, male" and "quaternions" in found.notes[0]


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_pose_correctives_as_a_matrix(tmp_path: Path, layout: str) -> None:
    arrays = family_arrays("smpl")
    dirs = arrays["posedirs"]
    flat = dirs.reshape(-1, 207)
    arrays["posedirs"] = flat if layout == "rows" else flat.T
    body = load_body(write_npz(tmp_path / "a.npz", arrays))
    np.testing.assert_array_equal(body.posedirs, dirs)


def test_descriptions(tmp_path: Path) -> None:
    arrays = family_arrays("smplx", 20, vertices=10475)
    found = describe_body(write_npz(tmp_path / "SMPLX_MALE.npz", arrays))
    rows = dict(found.rows)
    assert found.role == "body" and found.kind == "SMPL-X body, male"
    assert found.license == LICENSES["smplx"] and not found.missing and not found.needs_consent
    assert (rows["vertices"], rows["joints"], rows["betas"]) == ("10475", "55", "10")
    assert (rows["expressions"], rows["hand poses"]) == ("10", "45 components")
    assert json.dumps(found.to_json())
    arrays = family_arrays("smplh")
    del arrays["posedirs"], arrays["hands_meanl"]
    found = describe_body(write_npz(tmp_path / "other.npz", arrays))
    assert found.kind == "body in the layout of SMPL-H, neutral"
    assert [text.split(":")[0] for text in found.missing] == [
        "posedirs",
        "hands_mean, hands_components",
    ]


def change(key: str, value: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], None]:
    """A fault of one array."""
    return lambda arrays: arrays.__setitem__(key, value(arrays[key]))


FAULTS = {
    "v_template has values that are not finite": change("v_template", lambda a: a * np.nan),
    "J_regressor is missing": lambda arrays: arrays.pop("J_regressor"),
    "weights has shape": change("weights", lambda a: a[:-1]),
    "f refers to 240, but there are 240": change("f", lambda a: np.full_like(a, 240)),
    "f is missing": lambda arrays: arrays.pop("f"),
    "kintree_table has shape": change("kintree_table", lambda a: a[:1]),
    "hands_meanl has shape": change("hands_meanl", lambda a: a[:-3]),
    "J_regressor has shape": change("J_regressor", lambda a: a[:, 1:]),
}


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
@pytest.mark.parametrize("said", FAULTS)
def test_faulty_arrays_are_named(tmp_path: Path, said: str, suffix: str) -> None:
    arrays = family_arrays("smplh")
    FAULTS[said](arrays)
    path = tmp_path / f"body{suffix}"
    if suffix == ".npz":
        write_npz(path, arrays)
    else:
        path.write_bytes(pickle.dumps(arrays, 2))
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        load_body(path)
    assert str(path) in caught.value.detail and caught.value.fix


class Attack:
    """Would leave a file behind."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return Path.touch, (self.target,)


def test_pickles_with_other_names_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "was-run"
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps({**family_arrays("smpl"), "x": Attack(target)}, 2))
    with pytest.raises(UserError, match="refused") as caught:
        load_body(path)
    assert f"{path} would run" in caught.value.detail and not target.exists()


def test_cut_off_files(tmp_path: Path) -> None:
    whole = write_npz(tmp_path / "whole.npz", family_arrays("smpl")).read_bytes()
    pickled = pickle.dumps(family_arrays("smpl"), 2)
    contents = {
        "cut.npz": whole[: len(whole) // 2],
        "cut.pkl": pickled[: len(pickled) // 2],
        "short.pkl": pickled[:2],
        "empty.npz": b"",
        "text.pkl": b"hello",
        "page.npz": b"<!DOCTYPE html><html>Sign in</html>",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name) as caught:
            load_body(tmp_path / name)
        assert caught.value.fix
        assert name != "cut.pkl" or "it is cut off" in caught.value.detail


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_file, "HARMLESS_BYTES", 1 << 20)
    arrays = {**family_arrays("smpl"), "posedirs": np.zeros((1000, 3, 207))}
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="posedirs would unpack to 4 MB, as in a zip bomb"):
        load_body(path)
    monkeypatch.setattr(npz_file, "MOST_BYTES", 1 << 20)
    with pytest.raises(UserError, match="more than any body"):
        load_body(write_npz(tmp_path / "large.npz", arrays))


def test_an_array_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "a.npz", family_arrays("smpl"))
    lying = tmp_path / "b.npz"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(lying, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "v_template.npy":
                data = data.replace(b"(240, 3)", b"(10**9,3)".replace(b"10**9", b"90000"))
            target.writestr(name, data)
    with pytest.raises(UserError, match="v_template is cut off"):
        load_body(lying)


def test_models_motions_and_folders_are_no_bodies(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    torch.save({"a": torch.zeros(2)}, tmp_path / "crop.pt")
    torch.save({"a": torch.zeros(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("model.safetensors", "crop.pt", "old.pt"):
        with pytest.raises(UserError, match="A model, not a body") as caught:
            load_body(tmp_path / name)
        assert name in caught.value.detail
    motion = {"poses": np.zeros((3, 156)), "trans": np.zeros((3, 3)), "betas": np.zeros(16)}
    with pytest.raises(UserError, match="it holds a motion"):
        load_body(write_npz(tmp_path / "motion.npz", motion))
    with pytest.raises(UserError, match="is a folder"):
        load_body(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        load_body(tmp_path / "absent.pkl")


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_npz(tmp_path / "body.npz", family_arrays("smpl"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UserError, match="Permission denied") as caught:
        load_body(path)
    assert "body.npz" in caught.value.detail


def test_the_open_body_is_the_same_by_both_ways() -> None:
    one, other = load_body(OPEN_BODY), load_body_npz(OPEN_BODY)
    assert (one.name, one.license, one.sha256) == (other.name, other.license, other.sha256)
    np.testing.assert_array_equal(one.posedirs, other.posedirs)
