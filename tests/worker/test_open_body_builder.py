# SPDX-License-Identifier: GPL-3.0-or-later
"""The open body's builder without Anny: geometry, shape space, regressor, correctives, rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.body.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, SMPL_SKELETON
from nlf_blender.worker.authoring.open_body import asset, geometry, grid, parts
from nlf_blender.worker.authoring.open_body.joint_map import joint_map
from nlf_blender.worker.authoring.open_body.pose_correctives import (
    fit_pose_correctives,
    mirrored_correctives,
    pose_features,
    reachable_joints,
)
from nlf_blender.worker.authoring.open_body.pose_targets import (
    PoseTarget,
    dual_quaternion_skin,
    random_poses,
)
from nlf_blender.worker.authoring.open_body.regressor import fit_regressor, joint_errors
from nlf_blender.worker.authoring.open_body.shape_space import fit_shape_space
from nlf_blender.worker.authoring.open_body.t_pose import posed_heads, skin
from nlf_blender.worker.smpl.canonical.canonical_pose import canonical_turns

ASSET = Path(__file__).parents[2] / "nlf_blender" / "assets" / "open_body.npz"
MIRROR = np.array([-1.0, 1.0, 1.0])
ANNY_LABELS = [
    *("root", "pelvis.L", "pelvis.R", "spine05", "spine04", "spine03", "spine02", "spine01"),
    *("neck01", "neck02", "neck03", "head", "eye.L", "eye.R"),
    *(
        f"{bone}.{side}"
        for side in "LR"
        for bone in (
            *("clavicle", "shoulder01", "upperarm01", "upperarm02", "lowerarm01", "lowerarm02"),
            *("wrist", "metacarpal1", "metacarpal2", "metacarpal3", "metacarpal4"),
            *(f"finger{finger}-{part}" for finger in range(1, 6) for part in range(1, 4)),
            *("upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot"),
            *(f"toe{toe}-{part}" for toe in range(1, 6) for part in range(1, 4 - (toe == 1))),
        )
    ),
]


def symmetric_cloud(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points [2 count,3] symmetric in x, and their mirror map."""
    half = np.random.default_rng(seed).uniform(0.01, 1, size=(count, 3))
    index = np.concatenate([np.arange(count, 2 * count), np.arange(count)])
    return np.concatenate([half, half * MIRROR]), index.astype(np.int32)


def test_align_rotation_turns_source_to_target_without_twist():
    random = np.random.default_rng(1)
    source, target = random.normal(size=(2, 20, 3))
    rotation = geometry.align_rotation(source, target)
    turned = np.einsum("nij,nj->ni", rotation, geometry.unit(source))
    np.testing.assert_allclose(turned, geometry.unit(target), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    axis = np.cross(source, target)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", rotation, axis), axis, atol=1e-9)


def test_align_rotation_refuses_opposite_directions():
    with pytest.raises(ValueError, match="opposite"):
        geometry.align_rotation(np.array([[1.0, 0, 0]]), np.array([-2.0, 0, 0]))


def test_twist_angle_is_the_part_about_the_axis():
    axis = np.array([0.0, 0.6, 0.8])
    angles = np.array([-3.0, -0.4, 0.0, 1.2, 3.1])
    twist = geometry.about_axis(axis, angles)
    across = geometry.about_axis(np.array([1.0, 0, 0]), 0.7)
    np.testing.assert_allclose(geometry.twist_angle(twist, axis), angles, atol=1e-9)
    np.testing.assert_allclose(geometry.twist_angle(across @ twist, axis), angles, atol=1e-9)


def test_mirror_map_finds_the_other_side_and_refuses_the_asymmetric():
    points, index = symmetric_cloud(30)
    np.testing.assert_array_equal(geometry.mirror_map(points), index)
    points[3, 1] += 0.01
    with pytest.raises(ValueError, match="symmetric"):
        geometry.mirror_map(points)


def test_symmetrized_is_exact():
    points, index = symmetric_cloud(30)
    noisy = points + np.random.default_rng(2).normal(size=points.shape)
    result = geometry.symmetrized(noisy, index)
    np.testing.assert_array_equal(result[index] * MIRROR, result)
    np.testing.assert_array_equal(geometry.symmetrized(points, index), points)


def test_vertex_areas_of_two_triangles():
    square = np.array([[0.0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]])
    areas = geometry.vertex_areas(square, np.array([[0, 1, 2], [0, 2, 3]]))
    np.testing.assert_allclose(areas, [1 / 3, 1 / 6, 1 / 3, 1 / 6])


def test_farthest_points_spread():
    line = np.stack([np.linspace(0, 1, 101), np.zeros(101), np.zeros(101)], axis=1)
    np.testing.assert_array_equal(geometry.farthest_points(line, 3), [0, 50, 100])


def test_components_puts_the_largest_first():
    faces = np.array([[0, 1, 2], [3, 4, 5], [4, 5, 6]])
    np.testing.assert_array_equal(geometry.components(faces, 7), [1, 1, 1, 0, 0, 0, 0])


def test_joint_map_covers_every_bone_once():
    bones = joint_map(ANNY_LABELS)
    assert bones.owner[ANNY_LABELS.index("toe3-2.L")] == SMPL_JOINT_NAMES.index("L_Foot")
    assert bones.owner[ANNY_LABELS.index("metacarpal2.R")] == SMPL_JOINT_NAMES.index("R_Wrist")
    np.testing.assert_allclose(bones.heads.sum(1), 1)
    merged = bones.merge_weights(np.random.default_rng(0).random((5, len(ANNY_LABELS))))
    np.testing.assert_allclose(merged.sum(1), 1)


def test_joint_map_refuses_another_rig():
    with pytest.raises(ValueError, match="default rig"):
        joint_map([*ANNY_LABELS, "tail"])


def test_posed_heads_keep_bone_lengths():
    random = np.random.default_rng(3)
    heads = random.normal(size=(4, 6, 3))
    rotations = matrix_from_rotvec(random.normal(size=(4, 6, 3)))
    parents = np.array([-1, 0, 1, 1, 3, 0])
    posed = posed_heads(heads, rotations, parents)
    before = np.linalg.norm(heads[:, 1:] - heads[:, parents[1:]], axis=2)
    after = np.linalg.norm(posed[:, 1:] - posed[:, parents[1:]], axis=2)
    np.testing.assert_allclose(after, before)
    np.testing.assert_array_equal(posed[:, 0], heads[:, 0])


def shape_samples(count: int) -> tuple[np.ndarray, ...]:
    """Symmetric samples [count,V,3] of a known 3-dimensional space, with faces and mirror."""
    points, mirror = symmetric_cloud(40)
    random = np.random.default_rng(4)
    basis = geometry.symmetrized(random.normal(size=(3, *points.shape)), mirror)
    basis *= np.array([1.0, 0.3, 0.1])[:, None, None]
    betas = random.normal(size=(count, 3))
    faces = np.stack([random.permutation(80) for _ in range(3)], axis=1)
    return points + np.tensordot(betas, basis, axes=1), basis, faces, mirror


def test_shape_space_recovers_a_known_subspace():
    samples, basis, faces, mirror = shape_samples(200)
    space = fit_shape_space(samples.astype(np.float32), faces, mirror, components=3)
    assert space.explained[-1] == pytest.approx(1, abs=1e-6)
    found = space.directions.reshape(-1, 3)
    wanted = basis.reshape(3, -1).T
    coefficients = np.linalg.lstsq(found, wanted, rcond=None)[0]
    np.testing.assert_allclose(found @ coefficients, wanted, atol=2e-3)
    np.testing.assert_allclose(space.betas(samples, 3).std(0), 1, atol=0.02)


def test_shape_space_makes_taller_with_positive_betas():
    samples, _, faces, mirror = shape_samples(200)
    space = fit_shape_space(samples.astype(np.float32), faces, mirror, components=3)
    crown, sole = np.argmax(space.mean[:, 1]), np.argmin(space.mean[:, 1])
    assert (space.directions[crown, 1] >= space.directions[sole, 1]).all()


def test_regressor_finds_joints_that_are_means_of_vertices():
    points, mirror = symmetric_cloud(200)
    points *= 0.1
    random = np.random.default_rng(6)
    joints_of = np.zeros((24, 400))
    for index, other in enumerate(SMPL_SKELETON.mirrored()):
        if other < index:
            continue
        near = np.argsort(np.linalg.norm(points - points[index * 8], axis=1))[:4]
        joints_of[index, near] = 0.25
        joints_of[other] = joints_of[index, mirror]
        if other == index:
            joints_of[index] = (joints_of[index] + joints_of[index, mirror]) / 2
    noise = geometry.symmetrized(random.normal(scale=0.02, size=(80, 400, 3)), mirror)
    samples = points + noise
    joints = np.einsum("jv,svc->sjc", joints_of, samples)
    regressor = fit_regressor(samples, joints, np.ones(400, bool), mirror)
    np.testing.assert_allclose(regressor.sum(1), 1)
    assert regressor.min() >= 0
    np.testing.assert_array_equal(regressor[list(SMPL_SKELETON.mirrored())][:, mirror], regressor)
    side = [i for i, other in enumerate(SMPL_SKELETON.mirrored()) if i != other]
    errors = joint_errors(regressor, samples, joints)
    moved = np.linalg.norm(joints - joints.mean(0), axis=-1)
    assert errors[:, side].mean() < 0.5 * moved[:, side].mean()


def two_bone_target(twist_bone: bool) -> PoseTarget:
    """A thin tube along the left arm, wholly on shoulder and elbow, in Anny's bones."""
    joints = np.zeros((24, 3))
    joints[:, 0] = np.random.default_rng(7).uniform(-0.1, 0.1, 24)
    for name, x in (("L_Collar", 0.1), ("L_Shoulder", 0.2), ("L_Elbow", 0.5), ("L_Wrist", 0.75)):
        joints[SMPL_JOINT_NAMES.index(name)] = (x, 0.4, 0)
    for side, sign in (("L", 1), ("R", -1)):
        for name, y in (("Hip", -0.1), ("Knee", -0.5), ("Ankle", -0.9)):
            joints[SMPL_JOINT_NAMES.index(f"{side}_{name}")] = (sign * 0.1, y, 0)
    for name in ("Collar", "Shoulder", "Elbow", "Wrist"):
        left = joints[SMPL_JOINT_NAMES.index(f"L_{name}")]
        joints[SMPL_JOINT_NAMES.index(f"R_{name}")] = left * MIRROR
    angle = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    ring = np.stack([np.zeros(8), np.cos(angle), np.sin(angle)], axis=1) * 0.04
    template = np.concatenate([ring + np.array([x, 0.4, 0]) for x in np.linspace(0.22, 0.7, 13)])
    lower = template[:, 0] > 0.5
    weights = np.zeros((len(template), 24))
    weights[~lower, SMPL_JOINT_NAMES.index("L_Shoulder")] = 1
    weights[lower, SMPL_JOINT_NAMES.index("L_Elbow")] = 1
    bone_weights = np.zeros((len(template), len(ANNY_LABELS)))
    upper = "upperarm01.L" if twist_bone else "upperarm02.L"
    bone_weights[~lower, ANNY_LABELS.index(upper)] = 1
    bone_weights[lower, ANNY_LABELS.index("lowerarm01.L")] = 1
    return PoseTarget(
        template=template,
        joints=joints,
        weights=csr_matrix(weights),
        bone_weights=csr_matrix(bone_weights),
        owner=joint_map(ANNY_LABELS).owner,
        labels=ANNY_LABELS,
    )


def test_target_equals_blending_for_rigid_parts_without_twist_bones():
    target = two_bone_target(twist_bone=False)
    for pose in random_poses(5, seed=1):
        blended, _ = target.blended(pose)
        np.testing.assert_allclose(target.target(pose), blended, atol=1e-9)


def test_upper_arm_bone_takes_half_of_the_twist():
    target = two_bone_target(twist_bone=True)
    pose = np.tile(np.eye(3), (24, 1, 1))
    pose[SMPL_JOINT_NAMES.index("L_Shoulder")] = geometry.about_axis(np.array([1.0, 0, 0]), 0.8)
    half = np.tile(np.eye(3), (24, 1, 1))
    half[SMPL_JOINT_NAMES.index("L_Shoulder")] = geometry.about_axis(np.array([1.0, 0, 0]), 0.4)
    upper = target.template[:, 0] < 0.5
    np.testing.assert_allclose(target.target(pose)[upper], target.blended(half)[0][upper])


def test_dual_quaternions_keep_the_volume_that_blending_loses():
    ring = np.array([[0.0, np.cos(a), np.sin(a)] for a in np.linspace(0, 6, 7)])
    weights = csr_matrix(np.full((7, 2), 0.5))
    turns = np.stack([np.eye(3), geometry.about_axis(np.array([1.0, 0, 0]), 2.5)])
    kept = dual_quaternion_skin(ring, weights, turns, np.zeros((2, 3)))
    shrunk = skin(ring, weights, turns, np.zeros((2, 3)))
    np.testing.assert_allclose(np.linalg.norm(kept, axis=1), 1)
    assert np.linalg.norm(shrunk, axis=1).max() < 0.5


def test_correctives_explain_spread_twist():
    target = two_bone_target(twist_bone=True)
    posedirs = fit_pose_correctives(target, poses=400)
    gaps = np.zeros(2)
    for pose in random_poses(40, seed=99):
        blended, matrices = target.blended(pose)
        gap = target.target(pose) - blended
        offset = posedirs @ pose_features(pose[None])[0]
        rest = gap - np.einsum("vij,vj->vi", matrices, offset)
        gaps += np.linalg.norm(gap, axis=1).mean(), np.linalg.norm(rest, axis=1).mean()
    assert gaps[1] < 0.5 * gaps[0]


def test_correctives_reach_one_joint_far():
    weights = np.zeros((1, 24))
    weights[0, SMPL_JOINT_NAMES.index("L_Elbow")] = 1
    reach = reachable_joints(weights)[0]
    names = {SMPL_JOINT_NAMES[i] for i in np.flatnonzero(reach)}
    assert names == {"L_Shoulder", "L_Elbow", "L_Wrist"}


def test_mirrored_correctives_mirror_the_offsets():
    _, mirror = symmetric_cloud(5)
    posedirs = np.random.default_rng(8).normal(size=(10, 3, 207))
    pose = random_poses(1, seed=3)
    flip = np.diag(MIRROR)
    other = (flip @ pose @ flip)[:, list(SMPL_SKELETON.mirrored())]
    offsets = posedirs @ pose_features(pose)[0]
    mirrored = mirrored_correctives(posedirs, mirror) @ pose_features(other)[0]
    np.testing.assert_allclose(mirrored, offsets[mirror] * MIRROR, atol=1e-12)
    twice = mirrored_correctives(mirrored_correctives(posedirs, mirror), mirror)
    np.testing.assert_array_equal(twice, posedirs)


def test_rounded_weights_and_regressor_stay_symmetric_and_sum_to_one():
    _, mirror = symmetric_cloud(20)
    mirror[:3] = [0, 1, 2]
    mirror[20:23] = [20, 21, 22]
    joints = np.array(SMPL_SKELETON.mirrored())
    raw = np.random.default_rng(9).random((40, 24)) ** 8
    raw = (raw + raw[mirror][:, joints]) / 2
    weights = grid.rounded_weights(raw / raw.sum(1, keepdims=True), mirror).astype(np.float32)
    np.testing.assert_array_equal(weights.sum(1), 1)
    np.testing.assert_array_equal(weights[mirror][:, joints], weights)
    rows = raw.T / raw.T.sum(1, keepdims=True)
    regressor = grid.rounded_regressor(rows, mirror).astype(np.float32)
    np.testing.assert_array_equal(regressor.astype(np.float64).sum(1), 1)
    np.testing.assert_array_equal(regressor[joints][:, mirror], regressor)


def test_canonical_rotations_mirror_each_other():
    rotations = matrix_from_rotvec(canonical_turns(SMPL_SKELETON))
    flip = np.diag(MIRROR)
    mirrored = (flip @ rotations @ flip)[list(SMPL_SKELETON.mirrored())]
    np.testing.assert_allclose(mirrored, rotations, atol=1e-15)
    assert np.isclose(rotations[SMPL_JOINT_NAMES.index("L_Hip"), 1, 0], np.sin(np.radians(40)))


def test_every_joint_belongs_to_one_part():
    joints = [joint for part in parts.part_joints().values() for joint in part]
    assert sorted(joints) == sorted(SMPL_JOINT_NAMES)
    assert len(SMPL_PARENTS) == len(joints)


def test_parts_by_weight_and_component():
    vertices = np.array([[0.1, 0, 0], [-0.1, 0, 0], [0.0, 0, 0], [0.03, 0, 0], [-0.03, 0, 0]])
    weights = np.zeros((5, 24))
    weights[0, SMPL_JOINT_NAMES.index("L_Wrist")] = 1
    weights[1:, SMPL_JOINT_NAMES.index("Head")] = 1
    names, part = parts.label_parts(vertices, weights, np.array([0, 0, 1, 2, 3], np.int32))
    found = [names[index] for index in part]
    assert found == ["left_hand", "head", "tongue", "left_eye", "right_eye"]


def test_written_asset_repeats_byte_for_byte(tmp_path):
    with np.load(ASSET) as file:
        arrays = {name: file[name] for name in (*asset.DTYPES, *asset.TEXT_ARRAYS)}
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    digests = {asset.write_asset(path, arrays, {"seed": 1}) for path in (first, second)}
    assert len(digests) == 1
    assert first.read_bytes() == second.read_bytes()
    arrays["v_template"] = arrays["v_template"] + 1
    assert asset.write_asset(second, arrays, {"seed": 1}) not in digests
