# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical pose of an SMPL-family body, and the mirror map it is made symmetric by."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from body_examples import OPEN_BODY, small_body

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.skeleton import SKELETONS, SMPL_SKELETON
from nlf_blender.worker.smpl.canonical.canonical_pose import canonical_pose, canonical_turns
from nlf_blender.worker.smpl.canonical.mean_joints import mean_canonical_joints, mean_rest_joints
from nlf_blender.worker.smpl.canonical.mirror_map import find_mirror
from nlf_blender.worker.smpl.canonical.other_joints import rest_joints_of

FLIP = np.array([-1.0, 1.0, 1.0])


@functools.cache
def as_smpl_file() -> BodyData:
    """The open body without what SMPL's files lack."""
    body = load_body_npz(OPEN_BODY)
    return replace(
        body, kind="smpl", canonical_vertices=None, canonical_joints=None, mirror_vertices=None
    )


@pytest.mark.parametrize("kind", SKELETONS)
def test_hips_collars_and_shoulders_turn(kind):
    skeleton = SKELETONS[kind]
    turns = np.rad2deg(canonical_turns(skeleton))
    found = {skeleton.joint_names[joint]: turns[joint] for joint in np.flatnonzero(turns.any(1))}
    degrees = {"Hip": 40, "Collar": 15, "Shoulder": 15}
    assert found.keys() == {f"{side}_{name}" for side in "LR" for name in degrees}
    for name, turn in found.items():
        sign = 1 if name.startswith("L") else -1
        np.testing.assert_allclose(turn, (0, 0, sign * degrees[name[2:]]), atol=1e-12)


def test_a_skeleton_without_these_joints_has_no_canonical_pose():
    with pytest.raises(ValueError, match="0 of the 6"):
        canonical_turns(small_body().skeleton)


def test_the_joints_are_those_of_the_open_body():
    known = load_body_npz(OPEN_BODY)
    found = canonical_pose(as_smpl_file())
    shift = known.canonical_joints[0] - found.joints[0]
    assert abs(shift[0]) < 1e-6  # it was moved up and down alone
    np.testing.assert_allclose(found.joints + shift, known.canonical_joints, atol=2e-6)
    np.testing.assert_allclose(found.joints[0], as_smpl_file().joints_template[0], atol=1e-6)


def test_pose_correctives_count():
    body = as_smpl_file()
    plain = canonical_pose(replace(body, posedirs=None)).vertices
    moved = np.linalg.norm(canonical_pose(body).vertices - plain, axis=1)
    assert 0.002 < moved.max() < 0.03


def test_a_nearly_symmetric_body_comes_out_symmetric():
    body = as_smpl_file()
    rng = np.random.default_rng(0)
    noisy = body.v_template + 3e-4 * rng.normal(size=body.v_template.shape)
    found = canonical_pose(replace(body, v_template=noisy))
    assert found.mirror is not None
    index = load_body_npz(OPEN_BODY).mirror_vertices
    same = found.mirror.index == index
    assert same.mean() > 0.95
    assert found.mirror.edges_kept > 0.95
    other = found.mirror.index
    pairs = other[other] == np.arange(len(other))
    assert pairs.mean() > 0.99
    np.testing.assert_allclose(
        found.vertices[other][pairs] * FLIP, found.vertices[pairs], atol=1e-12
    )
    mirrored = found.joints[list(SMPL_SKELETON.mirrored())] * FLIP
    np.testing.assert_allclose(mirrored, found.joints, atol=1e-12)


def test_a_lopsided_body_stays_as_it_is():
    body = as_smpl_file()
    scale = np.where(body.v_template[:, :1] > 0, 1.1, 1.0)
    lopsided = replace(body, v_template=body.v_template * scale)
    found = canonical_pose(lopsided)
    assert found.mirror is None
    assert np.ptp(found.vertices[:, 0]) > 1.02 * np.ptp(canonical_pose(body).vertices[:, 0])


def test_points_without_a_mesh_in_common_are_no_mirror_image():
    rng = np.random.default_rng(1)
    half = rng.uniform(0.001, 0.01, (300, 3))
    points = np.concatenate([half, half * FLIP])
    assert find_mirror(points, rng.integers(0, 600, (900, 3))) is None


def test_a_map_is_one_to_one_where_nearest_vertices_are_not():
    faces = np.array([[0, 1, 2], [3, 4, 5]])
    left = np.array([[1.0, 0, 0], [1.004, 0, 0], [1.0, 1, 0]])
    right = np.array([[-1.003, 0, 0], [-1.0075, 0, 0], [-1.0, 1, 0]])  # the first to 1.004
    found = find_mirror(np.concatenate([left, right]), faces)
    assert found is not None
    assert found.index.tolist() == [3, 4, 5, 0, 1, 2]


def test_the_published_mean_joints():
    rest, canonical = mean_rest_joints(), mean_canonical_joints()
    for joints in (rest, canonical):
        np.testing.assert_allclose(joints[list(SMPL_SKELETON.mirrored())] * FLIP, joints)
    place = SMPL_SKELETON.index
    hip, knee = canonical[[place("L_Hip"), place("L_Knee")]]
    thigh = rest[place("L_Knee")] - rest[place("L_Hip")]
    turn = np.arctan2(*(knee - hip)[[1, 0]]) - np.arctan2(*thigh[[1, 0]])
    assert np.rad2deg(turn) == pytest.approx(40)
    np.testing.assert_allclose(rest_joints_of(SMPL_SKELETON, canonical), rest, atol=1e-12)
