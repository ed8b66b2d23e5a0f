# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits recover the parameters that made the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from body_examples import OPEN_BODY, random_pose, small_body

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.fitting import Fit, FitSettings, fit
from nlf_blender.worker.smpl.kabsch import nearest_rotation
from nlf_blender.worker.smpl.rotations import matrix_from_rotvec
from nlf_blender.worker.smpl.vertex_subset import choose_vertices, vertex_areas


@dataclass(frozen=True)
class People:
    """People whose parameters are known, and their points."""

    model: BodyModel
    pose: torch.Tensor
    betas: torch.Tensor
    translation: torch.Tensor
    vertices: torch.Tensor
    joints: torch.Tensor

    def vertex_error(self, result: Fit) -> float:
        """Mean distance of the fitted from the true vertices, all of them, metres."""
        posed = self.model(result.pose, result.betas, result.translation)
        return float((posed.vertices - self.vertices).norm(dim=-1).mean())

    def joint_error(self, result: Fit) -> float:
        """Mean distance of the fitted from the true joints, metres."""
        posed = self.model(result.pose, result.betas, result.translation)
        return float((posed.joints - self.joints).norm(dim=-1).mean())

    def degrees(self, result: Fit) -> torch.Tensor:
        """Angles [P,J] between fitted and true rotations relative to the parent."""
        product = matrix_from_rotvec(result.pose).transpose(-1, -2) @ matrix_from_rotvec(self.pose)
        cosine = (product.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
        return torch.rad2deg(torch.acos(cosine.clamp(-1, 1)))


def make_people(body: BodyData, count: int, degrees: float, seed: int) -> People:
    """People in random poses with random betas, the first ten at most."""
    arrays = random_pose(np.random.default_rng(seed), count, body, degrees)
    pose, betas, translation = (torch.tensor(array, dtype=torch.float32) for array in arrays)
    betas[:, 10:] = 0
    model = BodyModel(body)
    posed = model(pose, betas, translation)
    return People(model, pose, betas[:, :10], translation, posed.vertices, posed.joints)


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    """Measuring needs none."""
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def people() -> People:
    """Sixteen open bodies, joints turned by 30 degrees."""
    with torch.no_grad():
        return make_people(load_body_npz(OPEN_BODY), 16, 30.0, 11)


@pytest.fixture(scope="module")
def small() -> People:
    """Eight small bodies: 5 joints, 3 betas, a root that is not the first joint."""
    with torch.no_grad():
        return make_people(small_body(), 8, 25.0, 12)


def noise(like: torch.Tensor, sigma: float | torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Normal noise of the same shape."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed)) * sigma


def test_clean_points_of_a_subset(people: People) -> None:
    result = fit(people.model, people.vertices, people.joints)
    assert people.vertex_error(result) < 2e-3
    assert people.joint_error(result) < 2.5e-3
    assert people.degrees(result).mean() < 2.5
    assert result.error.max() < 4e-3
    assert not result.undetermined.any()


def test_clean_points_of_the_full_mesh(people: People) -> None:
    indices = torch.arange(people.vertices.shape[1])
    result = fit(people.model, people.vertices[:4], people.joints[:4], vertex_indices=indices)
    assert result.residuals.shape == (4, len(indices))
    posed = people.model(result.pose, result.betas, result.translation)
    error = (posed.vertices - people.vertices[:4]).norm(dim=-1)
    torch.testing.assert_close(result.residuals, error, atol=1e-5, rtol=0)
    torch.testing.assert_close(result.error, error.mean(1), atol=1e-5, rtol=0)
    assert error.mean() < 4.5e-3


def test_more_iterations_converge_to_the_truth(people: People) -> None:
    errors = [
        people.vertex_error(
            fit(people.model, people.vertices, people.joints, settings=FitSettings(iterations=n))
        )
        for n in (1, 3, 10)
    ]
    assert errors[1] < 0.7 * errors[0] and errors[2] < 0.5 * errors[1]
    assert errors[2] < 5e-4


def test_the_small_body_is_recovered(small: People) -> None:
    indices = torch.arange(280)
    settings = FitSettings(iterations=15, independent_points=1e4)
    result = fit(
        small.model, small.vertices, small.joints, vertex_indices=indices, settings=settings
    )
    assert result.betas.shape == (8, 3), "more betas than the body has"
    assert small.vertex_error(result) < 1e-3
    assert small.degrees(result).max() < 2
    assert (result.betas - small.betas).abs().max() < 0.1


def test_noise_averages_out(people: People) -> None:
    vertices = people.vertices + noise(people.vertices, 0.01)
    joints = people.joints + noise(people.joints, 0.01, 1)
    result = fit(people.model, vertices, joints)
    assert people.vertex_error(result) < 5e-3  # 16 mm before
    assert people.degrees(result).mean() < 6
    without = fit(people.model, vertices)
    assert people.vertex_error(without) < 5e-3


def test_uncertain_points_count_less(people: People) -> None:
    sigma = noise(people.vertices[..., 0], 1.0, 2).sign() * 0.0475 + 0.0525  # 5 or 100 mm
    vertices = people.vertices + noise(people.vertices, sigma[..., None], 3)
    joint_sigma = torch.full(people.joints.shape[:2], 0.005)
    joints = people.joints + noise(people.joints, 0.005, 4)
    alike = fit(people.model, vertices, joints)
    weighted = fit(people.model, vertices, joints, sigma, joint_sigma)
    assert people.vertex_error(weighted) < 0.5 * people.vertex_error(alike)
    assert people.vertex_error(weighted) < 6e-3


def test_doubtful_points_give_a_body_nearer_the_mean(people: People) -> None:
    sure, doubtful = (
        fit(
            people.model,
            people.vertices,
            vertex_uncertainties=torch.full(people.vertices.shape[:2], sigma),
        )
        for sigma in (0.003, 0.2)
    )
    assert doubtful.betas.norm() < 0.8 * sure.betas.norm()
    bent = [matrix_from_rotvec(result.pose[:, 1:]) - torch.eye(3) for result in (sure, doubtful)]
    assert bent[1].norm() < 0.9 * bent[0].norm()


def test_more_independent_points_are_believed_more(people: People) -> None:
    norms = [
        fit(people.model, people.vertices, settings=FitSettings(independent_points=n)).betas.norm()
        for n in (0.1, 60.0)
    ]
    assert norms[0] < 0.8 * norms[1]


def test_missing_points_of_every_sort_are_the_same(people: People) -> None:
    gone = noise(people.vertices[..., 0], 1.0, 5) > 0.3
    sigma = torch.full(gone.shape, 0.003)
    fits = []
    for missing in (torch.nan, torch.inf):
        vertices = people.vertices.masked_fill(gone[..., None], missing)
        fits.append(fit(people.model, vertices, people.joints, sigma))
        fits.append(
            fit(
                people.model,
                people.vertices + 9 * gone[..., None],
                people.joints,
                sigma.masked_fill(gone, missing),
            )
        )
    for result in fits:
        torch.testing.assert_close(result.pose, fits[0].pose)
        torch.testing.assert_close(result.betas, fits[0].betas)
    chosen = fits[0].vertex_indices
    assert (fits[0].residuals.isnan() == gone[:, chosen]).all()
    assert people.vertex_error(fits[0]) < 2.5e-3


def test_an_arm_that_was_not_seen_follows_its_parent(people: People) -> None:
    skeleton = people.model.body.skeleton
    arm = [skeleton.index(f"R_{name}") for name in ("Shoulder", "Elbow", "Wrist", "Hand")]
    unseen = people.model.weights[:, arm].sum(1) > 0.01
    vertices, joints = people.vertices.clone(), people.joints.clone()
    vertices[:, unseen], joints[:, arm] = torch.nan, torch.nan
    result = fit(people.model, vertices, joints)
    expected = torch.zeros(24, dtype=torch.bool)
    expected[arm] = True
    assert (result.undetermined == expected).all()
    # a few vertices with a hundredth of the shoulder's weight still pull at it
    assert result.pose[:, arm[0]].abs().max() < 0.1
    assert result.pose[:, arm[1:]].abs().max() < 1e-5
    seen = [joint for joint in range(24) if joint not in arm]
    assert people.degrees(result)[:, seen].mean() < 4


def test_points_on_a_line_leave_the_turn_about_it_to_the_parent(small: People) -> None:
    skeleton = small.model.body.skeleton
    joint = skeleton.index("R_Arm")
    own = small.model.weights[:, joint] > 0.01
    pose = torch.zeros(1, 5, 3)
    pose[0, joint] = torch.tensor([0.8, 0.0, 0.4])  # about its own axis, then forward
    posed = small.model(pose, torch.zeros(1, 3), torch.zeros(1, 3))
    vertices = posed.vertices.clone()
    axis = matrix_from_rotvec(pose)[0, joint] @ torch.tensor([-1.0, 0.0, 0.0])
    start = posed.joints[0, joint]
    along = ((vertices[0] - start) @ axis)[:, None]
    vertices[0, own] = (start + along * axis)[own]
    result = fit(small.model, vertices, posed.joints, vertex_indices=torch.arange(280))
    turned = matrix_from_rotvec(result.pose)[0, joint]
    assert turned @ torch.tensor([-1.0, 0.0, 0.0]) @ axis > 0.995
    assert turned.isfinite().all()


def test_batch_of_one_equals_batch_of_eight(people: People) -> None:
    vertices = people.vertices[:8] + noise(people.vertices[:8], 0.01)
    together = fit(people.model, vertices, people.joints[:8])
    for person in range(8):
        alone = fit(people.model, vertices[person : person + 1], people.joints[person : person + 1])
        posed = [
            people.model(result.pose, result.betas, result.translation).vertices
            for result in (alone, together)
        ]
        torch.testing.assert_close(posed[0][0], posed[1][person], atol=1e-4, rtol=0)


def test_far_away_is_as_good_as_near(people: People) -> None:
    offset = torch.tensor([10.0, -5.0, 60.0])
    near = fit(people.model, people.vertices, people.joints)
    far = fit(people.model, people.vertices + offset, people.joints + offset)
    torch.testing.assert_close(far.translation - offset, near.translation, atol=1e-4, rtol=0)
    assert abs(people.vertex_error(near) - far.error.mean()) < 5e-3


def test_nobody_and_nothing_seen(people: People) -> None:
    nobody = fit(people.model, people.vertices[:0], people.joints[:0])
    assert nobody.pose.shape == (0, 24, 3) and nobody.error.shape == (0,)
    nothing = fit(people.model, torch.full_like(people.vertices[:1], torch.nan))
    assert nothing.undetermined.all() and nothing.error.isnan().all()
    assert not nothing.pose.any() and not nothing.betas.any() and not nothing.translation.any()


def test_wrong_shapes_and_settings_are_refused(people: People) -> None:
    with pytest.raises(ValueError, match="points for"):
        fit(people.model, people.vertices[:, :100])
    with pytest.raises(ValueError, match="points for"):
        fit(people.model, people.vertices, vertex_indices=torch.arange(100))
    with pytest.raises(ValueError):
        FitSettings(iterations=0)


def test_nearest_rotation_maximises_the_trace_and_never_mirrors() -> None:
    generator = torch.Generator().manual_seed(1)
    matrices = torch.randn(200, 3, 3, generator=generator)
    best = nearest_rotation(matrices)
    torch.testing.assert_close(torch.linalg.det(best), torch.ones(200))
    others = matrix_from_rotvec(torch.randn(200, 50, 3, generator=generator) * 2)
    value = (best * matrices).sum((-2, -1))
    assert (value[:, None] + 1e-5 >= (others * matrices[:, None]).sum((-2, -1))).all()


def test_chosen_vertices_cover_every_part_alike_every_time(people: People) -> None:
    body = people.model.body
    chosen = choose_vertices(body, 1024)
    np.testing.assert_array_equal(chosen, choose_vertices(body, 1024))
    assert 1000 <= len(chosen) <= 1024 and (np.diff(chosen) > 0).all()
    counts = np.bincount(np.argmax(body.weights, 1)[chosen], minlength=24)
    assert counts.min() >= 8
    mirrored = counts[list(body.skeleton.mirrored())]
    assert np.abs(counts - mirrored).max() <= 2
    # nobody needs the teeth: a dense mesh draws no more points than its area
    head = body.weights[:, body.skeleton.index("Head")] > 0.5
    assert head[chosen].mean() < 0.15 < head.mean()
    assert vertex_areas(body).sum() == pytest.approx(1.9, abs=0.5)
    assert len(choose_vertices(small_body(), 1024)) == 280
