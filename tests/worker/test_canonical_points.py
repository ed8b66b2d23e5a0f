# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies placed in models' canonical spaces; the truth is that of a body made from the open one."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from benchmarks import canonical_bench
from benchmarks.smpl_stand_in import StandIn, stand_in
from body_examples import OPEN_BODY, small_body
from hand_bodies import hand_body
from scipy import sparse

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.skeleton import SMPLX_SKELETON
from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.canonical_space import (
    OPEN_SPACE,
    SMPL_SPACE,
    CanonicalBody,
    CanonicalSpace,
)
from nlf_blender.worker.smpl.canonical.canonical_map import CanonicalMap
from nlf_blender.worker.smpl.canonical.mean_joints import mean_canonical_joints
from nlf_blender.worker.smpl.canonical.placement import CanonicalPlacement, canonical_points
from nlf_blender.worker.smpl.conversion.correspondence import Correspondence

OPEN, SMPL = CanonicalSpace(OPEN_SPACE), CanonicalSpace(SMPL_SPACE)
FLIP = np.array([-1.0, 1.0, 1.0])


@functools.cache
def open_body() -> BodyData:
    return load_body_npz(OPEN_BODY)


@functools.cache
def other() -> StandIn:
    """In SMPL's place."""
    return stand_in(open_body(), 0.7)


@functools.cache
def placed(way: str) -> CanonicalPlacement:
    """The open body in SMPL's space."""
    ways = {
        "file": lambda: canonical_points(open_body(), SMPL, other().body),
        "cloud": lambda: canonical_points(open_body(), other().space(whole=False)),
        "joints": lambda: canonical_points(open_body(), SMPL),
    }
    return ways[way]()


def spread(space: CanonicalSpace, size: float) -> CanonicalSpace:
    """Points of another thing: those that are listed, each moved at random."""
    rng = np.random.default_rng(2)
    listed = space.bodies["smpl"]
    vertices = listed.vertices + size * rng.normal(size=listed.vertices.shape)
    return CanonicalSpace(SMPL_SPACE, {"smpl": replace(listed, vertices=vertices)})


def bounds_of(points: np.ndarray) -> np.ndarray:
    return np.stack([points.min(axis=0), points.max(axis=0)])


def test_where_the_body_stands_is_told_by_the_bounds_of_the_field():
    found = placed("joints")
    count = open_body().vertex_count
    bounds = bounds_of(found.points[:count])
    lower = CanonicalSpace(SMPL_SPACE, bounds=bounds + np.array([0, -0.23, 0.01]))
    moved = canonical_points(open_body(), lower)
    np.testing.assert_allclose(moved.points, found.points + np.array([0, -0.23, 0]), atol=1e-9)
    assert moved.figures["moved_into_bounds"] == pytest.approx(0.23)
    taller = CanonicalSpace(SMPL_SPACE, bounds=bounds + np.array([[0, -0.23, 0], [0, 0, 0]]))
    kept = canonical_points(open_body(), taller)
    np.testing.assert_array_equal(kept.points, found.points)
    assert kept.approximate and "bounds" in kept.how and "bounds" not in found.how


def test_what_the_user_should_be_told():
    assert not placed("file").approximate and not placed("cloud").approximate
    assert placed("joints").approximate
    assert not canonical_points(open_body(), OPEN).approximate


def millimetres(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return 1000 * np.linalg.norm(first - second, axis=1)


def test_the_open_body_stays_in_its_own_space():
    found = canonical_points(open_body(), OPEN)
    body = open_body()
    np.testing.assert_array_equal(
        found.points, np.concatenate([body.canonical_vertices, body.canonical_joints])
    )
    inside = np.array([[0.1, -0.2, 0.0], [0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(found.map.map(inside), inside)


@pytest.mark.parametrize(("way", "mean", "most"), [("file", 2.0, 9.0), ("cloud", 2.8, 13.0)])
def test_surface_and_inside_against_the_truth(way, mean, most):
    found = placed(way)
    surface = millimetres(found.points[other().vertices], other().surface)
    inside = millimetres(found.map.map(other().inside), other().inside_there)
    assert surface.mean() < mean and surface.max() < most
    assert inside.mean() < mean and inside.max() < most
    untouched = millimetres(found.own.points[other().vertices], other().surface)
    assert untouched.mean() > 100


def test_without_any_file_the_hinges_of_the_limbs_are_smpls():
    found = placed("joints")
    body = open_body()
    at = [body.skeleton.index(name) for name in ("L_Knee", "R_Ankle", "L_Elbow", "R_Wrist")]
    joints = found.points[body.vertex_count :][at]
    assert millimetres(joints, mean_canonical_joints()[at]).max() < 12
    assert "published mean joints" in found.how
    tall = np.ptp(found.points[: body.vertex_count, 1])
    assert tall == pytest.approx(np.ptp(body.canonical_vertices[:, 1]), rel=0.05)


@pytest.mark.parametrize("way", ["file", "cloud", "joints"])
def test_symmetric_as_the_body_is(way):
    found = placed(way)
    mirror = found.own.mirror_points
    np.testing.assert_allclose(found.points[mirror] * FLIP, found.points, atol=1e-12)
    points = found.own.points[::97] * 0.9
    np.testing.assert_allclose(
        found.map.map(points * FLIP) * FLIP, found.map.map(points), atol=1e-9
    )


def test_the_same_every_time():
    again = canonical_points(open_body(), SMPL)
    np.testing.assert_array_equal(again.points, placed("joints").points)


def test_points_at_random_are_told_and_not_used():
    space = spread(other().space(whole=False), 0.1)
    found = canonical_points(open_body(), space)
    np.testing.assert_array_equal(found.points, placed("joints").points)
    assert "no person's" in found.how
    listed = other().space(whole=False).bodies["smpl"]
    wild = CanonicalBody(listed.vertices, listed.joints[::-1])
    found = canonical_points(open_body(), CanonicalSpace(SMPL_SPACE, {"smpl": wild}))
    assert "no person's" in found.how


def test_what_a_model_lists_for_smpl_is_taken_as_it_is():
    space = spread(other().space(whole=True), 0.001)
    found = canonical_points(other().body, space)
    listed = space.bodies["smpl"]
    np.testing.assert_array_equal(found.points, np.concatenate([listed.vertices, listed.joints]))
    junk = canonical_points(other().body, spread(other().space(whole=True), 0.2))
    np.testing.assert_allclose(junk.points, found.own.points)
    assert "no person's" in junk.how


def test_a_woman_goes_where_the_neutral_points_are():
    neutral = other().body
    woman = replace(
        neutral,
        v_template=neutral.v_template * 1.04,
        joints_template=neutral.joints_template * 1.04,
    )
    found = canonical_points(replace(woman, gender="female"), other().space(whole=False))
    assert found.figures["off_model_points"] < 0.001
    vertices = found.points[: woman.vertex_count]
    assert millimetres(vertices, other().pose.vertices).mean() < 4
    assert millimetres(found.own.points[: woman.vertex_count], other().pose.vertices).mean() > 15
    alone = canonical_points(replace(woman, gender="female"), SMPL)
    np.testing.assert_array_equal(alone.points, alone.own.points)
    assert "neutral" in alone.how


def test_a_row_of_the_benchmark():
    row = canonical_bench.errors(
        other(), canonical_bench.by_joints(open_body(), other().body.joints_template)
    )
    assert 1.0 < row["surface mean"] < 10.0 and row["inside mean"] < row["inside max"] < 30.0


@pytest.mark.parametrize("way", ["cloud", "own file"])
def test_wherever_the_models_origin_is(way):
    space, moved = other().space(whole=False), np.array([0.0, -0.23, 0.05])
    listed = space.bodies["smpl"]
    elsewhere = replace(listed, vertices=listed.vertices + moved, joints=listed.joints + moved)
    body = open_body() if way == "cloud" else other().body
    found = canonical_points(body, CanonicalSpace(SMPL_SPACE, {"smpl": elsewhere}))
    at_home = placed("cloud") if way == "cloud" else canonical_points(body, space)
    assert millimetres(found.points, at_home.points + moved).max() < 1.0
    assert not found.approximate


def test_smpl_in_the_open_bodys_space():
    found = canonical_points(other().body, OPEN)
    truth = other().matrix @ open_body().canonical_vertices
    assert millimetres(found.points[: len(truth)], truth).mean() < 3
    inside = found.map.map(other().inside_there)
    assert millimetres(inside, other().inside).mean() < 3


def test_smplx_alone_stands_where_smpl_stands():
    body = replace(hand_body("smplx"), canonical_vertices=None, canonical_joints=None)
    found = canonical_points(body, SMPL)
    joints = found.points[body.vertex_count :]
    at = [SMPLX_SKELETON.index(name) for name in ("L_Knee", "R_Knee", "Neck")]
    assert millimetres(joints[at], mean_canonical_joints()[[4, 5, 12]]).max() < 60
    assert "for want of an SMPL file" in found.how
    np.testing.assert_allclose(np.diff(found.points, axis=0), np.diff(found.own.points, axis=0))


def test_smplx_by_the_published_correspondence():
    """Rows without a counterpart, as a publisher's file may have them, follow their neighbours."""
    body = replace(hand_body("smplx"), canonical_vertices=None, canonical_joints=None)
    smpl = replace(body_as_smpl(), v_template=open_body().v_template * 1.05)
    matrix = sparse.identity(body.vertex_count, format="csr")
    confidence = np.ones(body.vertex_count)
    confidence[::50] = 0
    known = Correspondence(sparse.diags(confidence) @ matrix, confidence)
    found = canonical_points(body, SMPL, smpl, known)
    truth = canonical_points(smpl, SMPL).points[: smpl.vertex_count]
    errors = millimetres(found.points[: body.vertex_count], truth)
    assert errors[confidence > 0].max() < 1e-6 and errors.max() < 5
    assert "published correspondence" in found.how


def body_as_smpl() -> BodyData:
    return replace(
        open_body(), kind="smpl", canonical_vertices=None, canonical_joints=None, name="SMPL"
    )


def test_smpls_tree_of_joints_does_not_make_a_body_smpl():
    found = canonical_points(body_as_smpl(), SMPL)
    assert "published mean joints" in found.how
    assert millimetres(found.points, placed("joints").points).mean() < 3
    assert millimetres(found.own.points, placed("joints").points).mean() > 100


def test_a_reference_must_be_of_the_right_family():
    with pytest.raises(UserError, match="another family"):
        canonical_points(open_body(), SMPL, open_body())
    with pytest.raises(UserError, match="without canonical points"):
        canonical_points(other().body, OPEN, other().body)


def test_a_body_whose_joints_nobody_knows():
    with pytest.raises(UserError, match="known joints"):
        canonical_points(small_body(), SMPL)


def test_the_map_meets_its_points_and_is_linear_between_and_close_by():
    rng = np.random.default_rng(4)
    own = rng.normal(size=(200, 3))
    shear = np.array([[1, 0.2, 0], [0, 1.1, 0], [0.1, 0, 0.9]])
    found = CanonicalMap(own, own @ shear)
    np.testing.assert_allclose(found.map(own), own @ shear, atol=1e-12)
    inside = own[:100] * 0.2
    np.testing.assert_allclose(found.map(inside), inside @ shear, atol=1e-12)
    outside = own[np.abs(own[:, 0]).argmax()] * 1.01
    near = found.map(outside)[0] - outside @ shear
    assert np.linalg.norm(near) < 0.02
    with pytest.raises(ValueError, match="not finite"):
        found.map(np.array([[0, np.nan, 0]]))
