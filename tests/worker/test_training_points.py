# SPDX-License-Identifier: GPL-3.0-or-later
"""Natural-neighbour weights, and the pool of canonical points on posed bodies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.forward import posed_body
from nlf_blender.errors import UserError
from nlf_blender.worker.assets import OPEN_BODY
from nlf_blender.worker.training.datasets.example import BodyTruth, MeshTruth
from nlf_blender.worker.training.datasets.joint_places import place_of
from nlf_blender.worker.training.datasets.joint_set_names import BLAZEPOSE
from nlf_blender.worker.training.points.blazepose_landmarks import landmark_mirror, landmark_places
from nlf_blender.worker.training.points.build_pool import build_pool
from nlf_blender.worker.training.points.natural_neighbours import natural_neighbour_weights
from nlf_blender.worker.training.points.pool import PointPool
from nlf_blender.worker.training.points.posed import PosedPool
from nlf_blender.worker.training.points.winding import winding_numbers

MIRROR = np.array([-1.0, 1.0, 1.0])
torch.set_num_threads(1)
BODY = load_body_npz(OPEN_BODY)


@pytest.fixture(scope="module")
def pool() -> PointPool:
    return build_pool(BODY, surface=400, inner=300)


def truth(seed: int, **changes: object) -> BodyTruth:
    random = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(random.normal(size=(24, 3)) * 0.3).as_matrix()
    given = {"betas": random.normal(size=10), "rotations": turns} | changes
    return BodyTruth("open", translation=np.array([0.1, 0.3, 4.0]), **given)


def posed_nodes(body: BodyTruth) -> np.ndarray:
    turns = Rotation.from_matrix(body.rotations).as_rotvec()
    posed = posed_body(BODY, turns, body.betas, body.translation)
    return np.concatenate([posed.vertices, posed.joints])


def test_weights_are_those_of_the_reference_library() -> None:
    reference = pytest.importorskip("natinterp3d", reason="natinterp3d checks the weights only")
    random = np.random.default_rng(0)
    nodes, points = random.random((200, 3)), 0.3 + 0.4 * random.random((40, 3))
    weights, missed = natural_neighbour_weights(nodes, points)
    expected = reference.get_weights(points, nodes)
    assert abs(weights - expected).max() < 1e-5
    assert missed.max() < 1e-9


def test_weights_are_shares_of_the_volume_taken_from_each_cell() -> None:
    random = np.random.default_rng(2)
    nodes = np.concatenate([random.random((40, 3)), np.indices((2, 2, 2)).reshape(3, -1).T])
    point = np.array([0.5, 0.45, 0.6])
    weights, missed = natural_neighbour_weights(nodes, point[None])
    assert missed[0] < 1e-6
    drawn = random.random((100_000, 3))
    to_nodes = np.linalg.norm(drawn[:, None] - nodes, axis=2)
    taken = np.linalg.norm(drawn - point, axis=1) < to_nodes.min(axis=1)
    shares = np.bincount(to_nodes[taken].argmin(axis=1), minlength=len(nodes)) / taken.sum()
    assert np.allclose(weights.toarray()[0], shares, atol=0.02)


def test_a_node_weighs_itself_and_nothing_weighs_outside() -> None:
    nodes = np.random.default_rng(1).random((60, 3))
    centre = np.argmin(np.linalg.norm(nodes - 0.5, axis=1))
    points = np.stack([nodes[centre] + 1e-6, [2.0, 2.0, 2.0]])
    weights, missed = natural_neighbour_weights(nodes, points)
    assert weights[0, centre] == pytest.approx(1.0, abs=1e-3)
    assert np.isinf(missed[1])
    assert weights[1].nnz == 0


def test_the_pool_lies_on_and_in_the_body(pool: PointPool) -> None:
    assert len(pool) == 24 + 33 + 400 + 300
    assert np.allclose(pool.weights.sum(axis=1), 1.0)
    assert pool.weights.data.min() >= 0
    assert np.allclose(pool.places[:24], BODY.canonical_joints)
    assert np.allclose(pool.places[pool.landmark_rows], landmark_places(), atol=1e-3)
    inner = pool.places[24 + 33 + 400 :]
    wound = winding_numbers(inner, BODY.canonical_vertices, BODY.faces)
    assert (wound > 0).mean() > 0.99  # leaving small weights out moves points a little
    skin = pool.weights[24 + 33 : 24 + 33 + 400]
    assert (np.diff(skin.indptr) == 3).all()


def test_landmarks_are_near_the_joints_of_their_names() -> None:
    places = landmark_places()
    assert np.array_equal(places[landmark_mirror], places * MIRROR)
    for name, place in zip(BLAZEPOSE, places, strict=True):
        assert np.linalg.norm(place - place_of("blazepose33", name)) < 0.07, name


def test_surface_points_are_spread_by_area(pool: PointPool) -> None:
    places = pool.places[24 + 33 : 24 + 33 + 400]
    corners = BODY.canonical_vertices[BODY.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1)
    for low, high in ((-2.0, -0.6), (-0.6, 0.1), (0.1, 1.0)):
        middle = corners.mean(axis=1)[:, 1]
        expected = area[(middle >= low) & (middle < high)].sum() / area.sum()
        found = ((places[:, 1] >= low) & (places[:, 1] < high)).mean()
        assert found == pytest.approx(expected, abs=0.08)


def test_the_pool_is_symmetric(pool: PointPool) -> None:
    assert pool.mirror is not None
    assert np.array_equal(pool.mirror[pool.mirror], np.arange(len(pool)))
    assert np.allclose(pool.places[pool.mirror], pool.places * MIRROR, atol=1e-12)
    assert np.array_equal(pool.mirror[pool.landmark_rows], landmark_mirror + 24)


@pytest.mark.parametrize("count", [24, 63, 128])
def test_samples_hold_all_joints_and_their_mirror_images(pool: PointPool, count: int) -> None:
    rows = pool.sample(np.random.default_rng(3), count)
    assert count - 2 <= len(rows) <= count + 2
    assert len(set(rows)) == len(rows)
    assert set(range(24)) <= set(rows)
    assert set(pool.mirror[rows]) == set(rows)
    assert not set(rows) & set(pool.landmark_rows)
    assert np.array_equal(rows, pool.sample(np.random.default_rng(3), count))


def test_fewer_points_than_joints_are_refused(pool: PointPool) -> None:
    with pytest.raises(ValueError, match="24 joints"):
        pool.sample(np.random.default_rng(0), 20)


def test_points_follow_the_posed_body(pool: PointPool) -> None:
    posed, body = PosedPool("open", pool, {"neutral": BODY}), truth(5)
    rows = pool.sample(np.random.default_rng(0), 100)
    expected = pool.positions(rows, posed_nodes(body))
    assert np.allclose(posed.positions(body, rows), expected, atol=1e-5)
    scaled = posed.positions(truth(5, scale=0.5), rows)
    about = expected - body.translation
    assert np.allclose(scaled, 0.5 * about + body.translation, atol=1e-5)
    # An inner point stays near the skin and bones of its own limb.
    inner = pool.positions(np.arange(24 + 33 + 400, len(pool)), posed_nodes(body))
    gaps = np.linalg.norm(inner[:, None] - posed_nodes(body)[None, ::7], axis=2).min(axis=1)
    assert gaps.max() < 0.15


def test_betas_that_the_file_does_not_have_are_left_out(pool: PointPool) -> None:
    posed, rows = PosedPool("open", pool, {"neutral": BODY}), np.arange(0, 600, 7)
    betas = np.ones(BODY.beta_count)
    more = posed.positions(truth(2, betas=np.concatenate([betas, [5.0]])), rows)
    assert np.array_equal(more, posed.positions(truth(2, betas=betas), rows))


def test_points_of_a_mesh_are_those_of_its_body(pool: PointPool) -> None:
    posed, body = PosedPool("open", pool, {"neutral": BODY}), truth(6)
    skin = np.arange(24 + 33, 24 + 33 + 400)
    mesh = MeshTruth("open", posed_nodes(body)[: BODY.vertex_count])
    assert np.allclose(posed.positions(mesh, skin), posed.positions(body, skin), atol=1e-5)
    joints = posed.positions(mesh, np.arange(24)) - posed.positions(body, np.arange(24))
    assert np.linalg.norm(joints, axis=1).max() < 0.05


def test_surface_places_are_on_the_canonical_skin(pool: PointPool) -> None:
    posed = PosedPool("open", pool, {"neutral": BODY})
    places = posed.surface_places(BODY.faces[:5], np.full((5, 3), 1 / 3))
    assert np.allclose(places, BODY.canonical_vertices[BODY.faces[:5]].mean(axis=1))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (truth(0, gender="male"), "male"),
        (truth(0, rotations=np.tile(np.eye(3), (22, 1, 1))), "22 joints"),
        (BodyTruth("smplx", np.zeros(10), np.zeros((55, 3, 3)), np.zeros(3)), "smplx"),
        (MeshTruth("open", np.zeros((6890, 3))), "6890"),
    ],
)
def test_bodies_that_do_not_fit_are_reported(
    pool: PointPool, body: BodyTruth | MeshTruth, problem: str
) -> None:
    posed = PosedPool("open", pool, {"neutral": BODY})
    with pytest.raises(UserError, match=problem):
        posed.positions(body, np.arange(24))
