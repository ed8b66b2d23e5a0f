# SPDX-License-Identifier: GPL-3.0-or-later
"""Each vertex finds its place on the other body, if it has one."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.remesh import fewer_vertices, split_edges
from benchmarks.second_body import LONGEST_EDGE
from body_examples import small_body
from conversion_examples import (
    Pair,
    motion_of,
    open_body,
    second_pair,
    shuffled_pair,
    write_published,
)
from scipy import sparse

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.skeleton import SMPLH_SKELETON, SMPLX_SKELETON, Skeleton
from nlf_blender.errors import UserError
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.conversion.body_regions import (
    RegionSurface,
    joint_regions,
    shared_regions,
)
from nlf_blender.worker.smpl.conversion.convert import convert
from nlf_blender.worker.smpl.conversion.correspondence import (
    Correspondence,
    closest_surface_correspondence,
    load_correspondence,
)
from nlf_blender.worker.smpl.conversion.joint_matching import plain_name, same_joints


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    """Measuring needs none."""
    with torch.no_grad():
        yield


@pytest.fixture
def body() -> BodyData:
    return open_body()


@pytest.fixture
def second() -> Pair:
    return second_pair()


@pytest.fixture
def shuffled() -> Pair:
    return shuffled_pair()


def test_each_vertex_finds_its_place_and_only_if_it_has_one(second: Pair, body: BodyData) -> None:
    part = np.array(body.part_names)[body.vertex_part]
    confidence = second.back.confidence
    for lacking in ("tongue", "left_eye", "right_eye"):  # the second body has none
        assert not confidence[part == lacking].any()
    # its vertices are too few to tell toes and fingers apart; the limbs are all there
    limbs = np.array([name.endswith(("thigh", "shin", "arm", "torso")) for name in part])
    assert (confidence[limbs] > 0.5).mean() > 0.99
    sums = np.asarray(second.back.matrix.sum(axis=1)).ravel()
    np.testing.assert_allclose(sums, 1, atol=1e-12)
    # a vertex lands on the part that it is of: left on left, thigh on thigh
    regions = shared_regions(second.other.body, body)
    heaviest = np.asarray(second.back.matrix.argmax(axis=1)).ravel()
    of_source = regions.of_vertex[0][heaviest][limbs]
    assert (of_source == regions.of_vertex[1][limbs]).mean() > 0.85
    assert regions.touching[of_source, regions.of_vertex[1][limbs]].mean() > 0.999


def test_vertices_land_where_they_were_taken_from(second: Pair, body: BodyData) -> None:
    choice, faces = fewer_vertices(body)
    matrix, _ = split_edges(body.v_template[choice], faces, LONGEST_EDGE)
    true = matrix @ body.v_template[choice]
    slide = np.linalg.norm(second.there.matrix @ body.v_template - true, axis=1)
    confidence = second.there.confidence
    assert (slide * confidence).sum() / confidence.sum() < 1.7e-3
    assert slide[confidence > 0.5].max() < 0.015


def test_canonical_points_align_bodies_whose_rest_poses_differ_wildly(
    shuffled: Pair, body: BodyData
) -> None:
    other, place = shuffled.other.body, shuffled.there.matrix
    canonical = replace(
        other,
        canonical_vertices=place @ body.canonical_vertices,
        canonical_joints=body.canonical_joints,
        v_template=other.v_template[:, [1, 2, 0]] + 5,  # no person, as far as joints can tell
    )
    found = closest_surface_correspondence(BodyModel(body), canonical)
    distances = np.linalg.norm((found.matrix - place) @ body.v_template, axis=1)
    assert np.percentile(distances, 99) < 3e-3


def test_the_published_file_gives_what_its_matrix_says(second: Pair, tmp_path: Path) -> None:
    path = write_published(tmp_path / "open2second_deftrafo_setup.pkl", second.there.matrix)
    published = load_correspondence(path, second.model.body, second.other.body)
    assert abs(published.matrix - second.there.matrix).max() < 1e-12
    own = Correspondence(second.there.matrix, published.confidence)
    motion = motion_of(second.model, 2)
    results = [convert(*motion, second.model, second.other, which) for which in (own, published)]
    torch.testing.assert_close(results[0].pose, results[1].pose, atol=1e-4, rtol=0)
    dense = tmp_path / "dense.pkl"
    few = small_body()
    matrix = np.eye(few.vertex_count)
    matrix[3] = 0  # a vertex without a counterpart
    dense.write_bytes(pickle.dumps({"matrix": matrix}))
    found = load_correspondence(dense, few, few)
    assert found.confidence[3] == 0 and found.confidence.sum() == few.vertex_count - 1


def test_published_files_of_other_bodies_are_refused(tmp_path: Path) -> None:
    few = small_body()
    contents = {
        "other bodies": {"mtx": sparse.identity(7, format="csr")},
        "Not a correspondence": {"weights": np.zeros((3, 3))},
        "no row": {"mtx": 3 * sparse.identity(few.vertex_count, format="csr")},
        "not finite": {"mtx": np.full((few.vertex_count,) * 2, np.nan)},
        "refused": {"mtx": Path("x")},
    }
    for message, content in contents.items():
        path = tmp_path / "file.pkl"
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(UserError, match=message):
            load_correspondence(path, few, few)


def test_bodies_that_nothing_connects_are_refused(body: BodyData) -> None:
    with pytest.raises(UserError, match="joint names"):
        closest_surface_correspondence(BodyModel(body), small_body())
    centimetres = replace(
        body,
        v_template=body.v_template * 100,
        joints_template=body.joints_template * 100,
        canonical_vertices=None,
    )
    with pytest.raises(UserError, match="metres"):
        closest_surface_correspondence(BodyModel(body), centimetres)


def test_names_of_joints_agree_however_they_are_written() -> None:
    names = ("L_Hip", "left_hip", "hip.L", "Hip_l", "l_hip", "m_avg_L_Hip")
    assert {plain_name(name) for name in names} == {("left", "hip")}
    assert plain_name("left_index1") == plain_name("L_Index1") != plain_name("R_Index1")
    assert plain_name("left_eye_smplhf") == ("left", "eye")
    assert plain_name("Spine1") == ("", "spine1") and plain_name("L") == ("", "l")


def test_joints_in_common(body: BodyData) -> None:
    pairs = same_joints(SMPLX_SKELETON, SMPLH_SKELETON)
    assert len(pairs) == 52 and (25, 22) in pairs and (54, 51) in pairs
    assert len(same_joints(body.skeleton, SMPLX_SKELETON)) == 22  # all but SMPL's hands
    unknown = Skeleton(("Joint_00", "Joint_01", "Joint_02"), (-1, 0, 0))
    assert same_joints(unknown, unknown) == []


def test_regions_follow_the_nearest_common_joint(body: BodyData) -> None:
    chain = Skeleton(("a", "b", "c", "d"), (-1, 0, 1, 2))
    np.testing.assert_array_equal(joint_regions(chain, np.array([1, 3])), [0, 0, 0, 1])
    # a point just outside the left thigh, said to be of the right: found on the right one
    regions = shared_regions(body, body)
    hip = {side: body.skeleton.index(f"{side}_Hip") for side in "LR"}
    surface = RegionSurface(body.v_template, body.faces, regions.of_vertex[0], regions.touching)
    point = body.joints_template[[body.skeleton.index("L_Knee")]] * [1, 0.8, 1]
    own, other = (surface.query(point, np.array([hip[side]])).positions[0, 0] for side in "LR")
    assert own > 0 > other
