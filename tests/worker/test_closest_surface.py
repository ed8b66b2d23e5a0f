# SPDX-License-Identifier: GPL-3.0-or-later
"""The closest surface point is the closest one, found by comparing all triangles one by one."""

from __future__ import annotations

import numpy as np
import pytest
from body_examples import OPEN_BODY

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.worker.smpl.closest_surface import ClosestSurface, closest_barycentric


def brute_force(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distances [N] of points [N,3] to triangles [F,3,3], by a minimiser that knows no cases.

    Alternating projections onto the constraints would be slow; a fine search over the three
    weights, narrowed about its best twelve times, is plain and good to about 1e-6.
    """
    grid = np.array([(i, j, 8 - i - j) for i in range(9) for j in range(9 - i)]) / 8
    best = np.full(len(points), np.inf)
    for triangle in corners:
        centre, size = np.full((len(points), 3), 1 / 3), 1.0
        for _ in range(12):
            weights = np.maximum(centre[:, None] + size * (grid - 1 / 3), 0)
            weights /= weights.sum(axis=2, keepdims=True)
            weights = np.concatenate([weights, centre[:, None]], axis=1)
            distance = np.linalg.norm(weights @ triangle - points[:, None], axis=2)
            nearest = distance.argmin(axis=1)
            centre, size = weights[np.arange(len(points)), nearest], size * 0.6
        best = np.minimum(best, distance.min(axis=1))
    return best


def test_it_is_the_closest_point_of_random_triangles() -> None:
    rng = np.random.default_rng(1)
    vertices = rng.normal(size=(40, 3))
    vertices[20:] *= 0.05  # some triangles are tiny, some go across everything
    faces = np.concatenate([rng.integers(0, 40, (20, 3)), rng.integers(20, 40, (20, 3))])
    points = rng.normal(size=(60, 3))
    found = ClosestSurface(vertices, faces).query(points)
    expected = brute_force(points, vertices[faces])
    np.testing.assert_allclose(found.distances, expected, atol=1e-4)
    assert (found.distances <= expected + 1e-9).all()


def test_what_it_returns_agrees_with_itself() -> None:
    body = load_body_npz(OPEN_BODY)
    rng = np.random.default_rng(2)
    points = body.v_template[::10] + rng.normal(size=(len(body.v_template[::10]), 3)) * 0.05
    found = ClosestSurface(body.v_template, body.faces).query(points)
    corners = body.v_template[body.faces[found.face]]
    positions = np.einsum("nk,nkc->nc", found.barycentric, corners)
    np.testing.assert_allclose(positions, found.positions, atol=1e-12)
    distances = np.linalg.norm(found.positions - points, axis=1)
    np.testing.assert_allclose(distances, found.distances, atol=1e-12)
    np.testing.assert_allclose(found.barycentric.sum(axis=1), 1, atol=1e-12)
    assert found.barycentric.min() >= 0


def test_no_triangle_of_a_whole_body_is_nearer() -> None:
    body = load_body_npz(OPEN_BODY)
    corners = body.v_template[body.faces]
    rng = np.random.default_rng(3)
    near = body.v_template[rng.integers(0, body.vertex_count, 15)] + rng.normal(size=(15, 3)) * 0.02
    points = np.concatenate([near, rng.normal(size=(5, 3)) * 3, body.v_template.mean(0)[None]])
    found = ClosestSurface(body.v_template, body.faces).query(points)
    for point, distance in zip(points, found.distances, strict=True):
        every = np.broadcast_to(point, (len(corners), 3))
        weights = closest_barycentric(every, corners)
        nearest = np.linalg.norm(np.einsum("nk,nkc->nc", weights, corners) - every, axis=1).min()
        assert distance == pytest.approx(nearest, abs=1e-12)


def test_points_of_the_surface_are_their_own_closest_points() -> None:
    body = load_body_npz(OPEN_BODY)
    rng = np.random.default_rng(4)
    face = rng.integers(0, len(body.faces), 3000)
    weights = rng.dirichlet(np.ones(3), 3000)
    points = np.einsum("nk,nkc->nc", weights, body.v_template[body.faces[face]])
    found = ClosestSurface(body.v_template, body.faces).query(points)
    assert found.distances.max() < 1e-9
    assert (found.face == face).mean() > 0.99


def test_triangles_without_area_count_as_segments_and_points() -> None:
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [1, 0, 0], [5, 0, 0]])
    surface = ClosestSurface(vertices, np.array([[0, 1, 2], [3, 3, 3]]))
    found = surface.query(np.array([[0.5, 3.0, 0.0], [5.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(found.positions, [[0.5, 0, 0], [5, 0, 0], [0, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(found.distances, [3, 1, 1])


def test_nothing_to_find_and_bad_input() -> None:
    triangle = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    surface = ClosestSurface(triangle, np.array([[0, 1, 2]]))
    assert surface.query(np.zeros((0, 3))).positions.shape == (0, 3)
    with pytest.raises(ValueError, match="finite"):
        surface.query(np.array([[np.nan, 0, 0]]))
    with pytest.raises(ValueError, match="without triangles"):
        ClosestSurface(triangle, np.zeros((0, 3), dtype=np.int64))
    with pytest.raises(ValueError, match="finite"):
        ClosestSurface(np.full((3, 3), np.inf), np.array([[0, 1, 2]]))
