# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations: every conversion there and back, at all angles."""

from __future__ import annotations

import numpy as np
import pytest

from nlf_blender.body import rotations

ANGLES = [0.0, 1e-9, 1e-5, 0.99e-4, 1.01e-4, 0.3, 2.0, 3.14, np.pi - 1e-7, np.pi]


def rotvecs(angle: float, count: int = 50) -> np.ndarray:
    """Rotation vectors of one length in all directions, the axes among them."""
    axes = np.random.default_rng(1).normal(size=(count, 3))
    axes[:3] = np.eye(3)
    return angle * axes / np.linalg.norm(axes, axis=1, keepdims=True)


@pytest.mark.parametrize("angle", ANGLES)
def test_matrix_and_back(angle: float) -> None:
    vectors = rotvecs(angle)
    matrices = rotations.matrix_from_rotvec(vectors)
    again = rotations.rotvec_from_matrix(matrices)
    if angle < np.pi:
        np.testing.assert_allclose(again, vectors, atol=1e-12)
    np.testing.assert_allclose(rotations.matrix_from_rotvec(again), matrices, atol=1e-12)
    np.testing.assert_allclose(
        matrices @ matrices.swapaxes(-1, -2), np.eye(3)[None] + 0 * matrices, atol=1e-12
    )


@pytest.mark.parametrize("angle", ANGLES)
def test_quaternion_and_back(angle: float) -> None:
    matrices = rotations.matrix_from_rotvec(rotvecs(angle))
    quaternions = rotations.quaternion_from_matrix(matrices)
    assert (quaternions[:, 0] >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(rotations.matrix_from_quaternion(quaternions), matrices, atol=1e-12)


def test_quarter_turn_about_z_is_what_the_book_says() -> None:
    turn = np.array([0.0, 0.0, np.pi / 2])
    expected = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    half = np.sqrt(0.5)
    np.testing.assert_allclose(rotations.matrix_from_rotvec(turn), expected, atol=1e-15)
    np.testing.assert_allclose(
        rotations.quaternion_from_matrix(np.array(expected)), [half, 0, 0, half], atol=1e-15
    )


def test_leading_axes_are_kept() -> None:
    vectors = np.random.default_rng(2).normal(size=(2, 3, 4, 3))
    matrices = rotations.matrix_from_rotvec(vectors)
    assert matrices.shape == (2, 3, 4, 3, 3)
    assert rotations.quaternion_from_matrix(matrices).shape == (2, 3, 4, 4)
    np.testing.assert_allclose(matrices[1, 2, 3], rotations.matrix_from_rotvec(vectors[1, 2, 3]))


def test_continuous_quaternions_never_jump() -> None:
    angles = np.linspace(0, 6 * np.pi, 200)
    vectors = angles[:, None, None] * np.array([[0.0, 0.0, 1.0], [0.6, 0.8, 0.0]])
    quaternions = rotations.quaternion_from_matrix(rotations.matrix_from_rotvec(vectors))
    assert np.abs(np.diff(quaternions, axis=0)).max() > 1, "the example has no jump to remove"
    smooth = rotations.continuous_quaternions(quaternions)
    assert np.abs(np.diff(smooth, axis=0)).max() < 0.1
    np.testing.assert_allclose(
        rotations.matrix_from_quaternion(smooth), rotations.matrix_from_quaternion(quaternions)
    )
    np.testing.assert_array_equal(smooth[0], quaternions[0])
