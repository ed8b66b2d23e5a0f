# SPDX-License-Identifier: GPL-3.0-or-later
"""Body files in the layouts of their publishers, and what a user is told of others."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from body_examples import FAMILY_VERTICES, OPEN_BODY, family_arrays, write_npz
from fake_chumpy import Ch, Select, as_chumpy
from scipy import sparse

from nlf_blender.body.body_data import load_body_npz, reduced_body_npz
from nlf_blender.protocol.licenses import BODIES
from nlf_blender.worker.smpl.body_files import load_body
from nlf_blender.worker.smpl.describe_body import describe_body

Arrays = dict[str, np.ndarray]


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
    assert body.license == BODIES["smpl"] and len(body.sha256) == 64
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
    arrays["ft"] = arrays["ft"].astype(float)
    assert load_body(write_npz(tmp_path / "c.npz", arrays)).uv is None
    arrays["ft"] = arrays["ft"].astype(int)[1:]
    assert load_body(write_npz(tmp_path / "b.npz", arrays)).uv is None


def test_a_take_keeps_little_of_a_large_body(tmp_path: Path) -> None:
    arrays = family_arrays("smplx", 400, vertices=2000)
    arrays["posedirs"] *= 0.1  # most of SMPL-X's are far smaller than the few that matter
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
    assert body.license == BODIES["star"]
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
    assert found.license == BODIES["smplx"] and not found.missing and not found.needs_consent
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


def test_the_open_body_is_the_same_by_both_ways() -> None:
    one, other = load_body(OPEN_BODY), load_body_npz(OPEN_BODY)
    assert (one.name, one.license) == (other.name, other.license) and one.sha256
    np.testing.assert_array_equal(one.posedirs, other.posedirs)
