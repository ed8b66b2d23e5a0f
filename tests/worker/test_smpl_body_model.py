# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward pass against plain numpy and against the smplx package."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from body_examples import OPEN_BODY, random_pose, small_arrays, small_body

from nlf_blender.body import kinematics
from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.forward import posed_body
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.worker.smpl import body_model as module
from nlf_blender.worker.smpl import rotations
from nlf_blender.worker.smpl.body_model import BodyModel


@pytest.fixture(scope="module")
def open_body() -> BodyData:
    """The open body."""
    return load_body_npz(OPEN_BODY)


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    """Arrays as float32 tensors."""
    return [torch.tensor(array, dtype=torch.float32) for array in arrays]


def numpy_forward(
    body: BodyData, pose: np.ndarray, betas: np.ndarray, translation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints of one person, vertex by vertex as SMPL's paper writes it."""
    turns = matrix_from_rotvec(pose)
    rest = kinematics.rest_joints(body.joints_template, body.joints_shapedirs, betas)
    transforms = kinematics.global_transforms(turns, rest, body.skeleton.parents, translation)
    skinning = kinematics.skinning_transforms(transforms, rest)
    unposed = body.v_template + body.shapedirs @ betas
    if body.posedirs is not None:
        moved = [joint for joint, parent in enumerate(body.skeleton.parents) if parent >= 0]
        unposed = unposed + body.posedirs @ (turns[moved] - np.eye(3)).ravel()
    blended = np.tensordot(body.weights, skinning, axes=1)
    vertices = np.einsum("vij,vj->vi", blended[:, :3, :3], unposed) + blended[:, :3, 3]
    return vertices, transforms[:, :3, 3]


@pytest.mark.parametrize("which", ["open", "small", "small without posedirs"])
def test_forward_equals_numpy(which: str, open_body: BodyData) -> None:
    body = open_body if which == "open" else small_body()
    if "without" in which:
        body = replace(body, posedirs=None)
    pose, betas, translation = random_pose(np.random.default_rng(1), 3, body, 40)
    with torch.no_grad():
        posed = BodyModel(body)(*tensors(pose, betas, translation))
    for person in range(3):
        vertices, joints = numpy_forward(body, pose[person], betas[person], translation[person])
        np.testing.assert_allclose(posed.vertices[person], vertices, atol=1e-5)
        np.testing.assert_allclose(posed.joints[person], joints, atol=1e-5)


def test_forward_equals_smplx(open_body: BodyData) -> None:
    smplx = pytest.importorskip("smplx")
    from smplx.utils import Struct

    class Smpl(smplx.SMPL):
        """smplx cuts bodies with fewer than 300 betas to 10 unless told otherwise."""

        SHAPE_SPACE_DIM = open_body.beta_count

    needed = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
    with np.load(OPEN_BODY) as file:
        struct = Struct(**{key: file[key] for key in needed})
    reference = Smpl("", data_struct=struct, num_betas=open_body.beta_count)
    pose, betas, translation = tensors(*random_pose(np.random.default_rng(2), 2, open_body, 40))
    with torch.no_grad():
        expected = reference(
            betas=betas,
            body_pose=pose[:, 1:].flatten(1),
            global_orient=pose[:, 0],
            transl=translation,
        )
        posed = BodyModel(open_body)(pose, betas, translation)
    np.testing.assert_allclose(posed.vertices, expected.vertices, atol=1e-5)
    np.testing.assert_allclose(posed.joints, expected.joints[:, :24], atol=1e-5)


def test_subset_matrices_scale_and_fewer_betas() -> None:
    body = small_body()
    model = BodyModel(body)
    pose, betas, translation = tensors(*random_pose(np.random.default_rng(3), 4, body))
    betas[:, 2] = 0
    whole = model(pose, betas, translation)
    subset = torch.tensor([7, 3, 250])
    part = model(rotations.matrix_from_rotvec(pose), betas[:, :2], translation, None, subset)
    torch.testing.assert_close(part.vertices, whole.vertices[:, subset], atol=1e-6, rtol=0)
    factors = torch.tensor([1.0, 2.0, 0.5, 3.0])
    scaled = model(pose, betas, translation, factors)
    expected = (whole.vertices - translation[:, None]) * factors[:, None, None]
    torch.testing.assert_close(scaled.vertices, expected + translation[:, None])


def test_more_than_the_body_has_is_refused() -> None:
    body = small_body()
    model = BodyModel(body)
    pose, betas, translation = tensors(*random_pose(np.random.default_rng(3), 2, body))
    with pytest.raises(ValueError, match="4 betas for a body with 3"):
        model(pose, torch.zeros(2, 4), translation)
    with pytest.raises(ValueError, match="1 expressions for a body with 0"):
        model(pose, betas, translation, expression=torch.zeros(2, 1))
    with pytest.raises(ValueError, match="no kid axis"):
        model(pose, betas, translation, kid=torch.zeros(2))


def test_expressions_beside_the_kid_axis_and_for_a_subset() -> None:
    dirs = np.random.default_rng(1).normal(size=(280, 3, 2)) * 0.01
    body = replace(
        small_body(),
        expression_dirs=dirs,
        joints_expression_dirs=small_arrays()["J_regressor"] @ dirs.transpose(2, 0, 1),
        kid_direction=np.full((280, 3), 0.01),
        joints_kid_direction=np.full((5, 3), 0.01),
    )
    body = replace(body, joints_expression_dirs=body.joints_expression_dirs.transpose(1, 2, 0))
    model = BodyModel(body)
    pose, betas, translation = tensors(*random_pose(np.random.default_rng(3), 2, body))
    kid, expression, subset = torch.tensor([0.2, 0.7]), torch.randn(2, 2), torch.tensor([9, 270])
    whole = model(pose, betas, translation, kid=kid, expression=expression)
    part = model(pose, betas, translation, None, subset, kid, expression)
    torch.testing.assert_close(part.vertices, whole.vertices[:, subset])
    for person in range(2):
        grown = replace(body, v_template=body.v_template + 0.01 * float(kid[person]))
        grown = replace(grown, joints_template=grown.joints_template + 0.01 * float(kid[person]))
        arguments = (array[person].numpy() for array in (pose, betas, translation, expression))
        posed = posed_body(grown, *arguments)
        np.testing.assert_allclose(whole.vertices[person], posed.vertices, atol=1e-5)
        np.testing.assert_allclose(whole.joints[person], posed.joints, atol=1e-5)


def test_many_people_go_through_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    body = small_body()
    model = BodyModel(body)
    arguments = tensors(*random_pose(np.random.default_rng(4), 5, body))
    whole = model(*arguments)
    monkeypatch.setattr(module, "MOST_NUMBERS", 2 * module.NUMBERS_PER_VERTEX * 280)
    torch.testing.assert_close(model(*arguments), whole)


def test_gradients_are_finite_at_rest() -> None:
    model = BodyModel(small_body())
    pose = torch.zeros(1, 5, 3, requires_grad=True)
    betas = torch.zeros(1, 3, requires_grad=True)
    model(pose, betas, torch.zeros(1, 3)).vertices.square().sum().backward()
    assert pose.grad is not None and betas.grad is not None
    assert pose.grad.isfinite().all() and pose.grad.abs().max() > 0
    assert betas.grad.isfinite().all() and betas.grad.abs().max() > 0


@pytest.mark.parametrize("angle", [0.0, 1e-6, 0.0099, 0.0101, 1.0, 3.1, 3.14159])
def test_rotations_there_and_back(angle: float) -> None:
    axes = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    vectors = angle * axes / axes.norm(dim=1, keepdim=True)
    matrices = rotations.matrix_from_rotvec(vectors)
    np.testing.assert_allclose(matrices, matrix_from_rotvec(vectors.numpy()), atol=1e-6)
    again = rotations.rotvec_from_matrix(matrices)
    torch.testing.assert_close(rotations.matrix_from_rotvec(again), matrices, atol=2e-6, rtol=0)
    if angle < 3.14:
        torch.testing.assert_close(again, vectors, atol=2e-6, rtol=0)
