# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits recover the parameters that made the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from body_examples import OPEN_BODY, random_pose, small_arrays, small_body

from nlf_blender.body.body_data import BodyData, body_from_arrays, load_body_npz
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.fitting.fit import Fit, FitSettings, fit, fitting_device
from nlf_blender.worker.smpl.fitting.kabsch import nearest_rotation
from nlf_blender.worker.smpl.fitting.start import FitStart
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

    def points(self, seed: int = 0, sigma: float = 0.0) -> torch.Tensor:
        """The spread vertices, then the joints [P,N,3], with noise."""
        clean = torch.cat([self.vertices[:, self.model.spread_vertices], self.joints], 1)
        return clean + noise(clean, sigma, seed)

    def fit(self, points: torch.Tensor, weights: torch.Tensor | None = None, **options: Any) -> Fit:
        """Fit points as `points` orders them; without joints if there are as many fewer."""
        vertices = self.model.spread_vertices
        joints = torch.arange(self.joints.shape[1])
        joints = joints if points.shape[1] > len(vertices) else None
        options |= {"vertex_indices": vertices, "joint_indices": joints}
        return fit(points, self.model, weights, **options)

    def vertex_error(self, result: Fit) -> float:
        """Mean distance of the fitted from the true vertices, all of them, metres."""
        posed = self.model(result.pose, result.betas, result.translation, result.scale)
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


def test_clean_points_are_met(people: People) -> None:
    for points in (people.points(), people.points()[:, : len(people.model.spread_vertices)]):
        result = people.fit(points)
        assert people.vertex_error(result) < 3e-5
        assert people.joint_error(result) < 3e-5
        assert people.degrees(result).mean() < 0.1
        assert result.error.max() < 1e-4
        assert not result.undetermined.any() and not result.rescaled.any()
        assert torch.equal(result.scale, torch.ones(16))


def test_clean_points_of_the_full_mesh(people: People) -> None:
    vertices = people.vertices[:4]
    whole = fit(torch.cat([vertices, people.joints[:4]], 1), people.model)
    result = fit(vertices, people.model)
    assert result.residuals.shape == vertices.shape[:2]
    posed = people.model(result.pose, result.betas, result.translation)
    error = (posed.vertices - vertices).norm(dim=-1)
    torch.testing.assert_close(result.residuals, error, atol=2e-6, rtol=0)
    torch.testing.assert_close(result.error, error.mean(1), atol=2e-6, rtol=0)
    assert error.mean() < 5e-5 and whole.error.mean() < 5e-5


def test_more_iterations_come_closer(people: People) -> None:
    errors = [
        people.vertex_error(people.fit(people.points(), settings=FitSettings(iterations=count)))
        for count in (1, 2, 3, 6)
    ]
    assert errors[0] < 4e-3
    assert errors[1] < 0.2 * errors[0] and errors[2] < 0.5 * errors[1]
    assert errors[3] < 1e-5


def test_the_small_body_is_recovered(small: People) -> None:
    result = fit(
        torch.cat([small.vertices, small.joints], 1),
        small.model,
        settings=FitSettings(iterations=10),
    )
    assert result.betas.shape == (8, 3), "more betas than the body has"
    assert small.vertex_error(result) < 1e-4
    assert small.degrees(result).max() < 0.2
    assert (result.betas - small.betas).abs().max() < 0.01


def test_noise_averages_out_as_far_as_the_points_allow(people: People) -> None:
    result = people.fit(people.points(1, 0.01))
    assert people.vertex_error(result) < 4e-3  # 16 mm before
    error = people.degrees(result)
    assert error.mean() < 5
    # the fit knows how sure it is: angles of three normal components of equal size
    expected = torch.rad2deg(result.pose_sigma)
    assert 0.7 < error.square().mean().sqrt() / expected.square().mean().sqrt() < 1.3
    without = people.fit(people.points(1, 0.01)[:, : len(people.model.spread_vertices)])
    assert people.vertex_error(without) < 4e-3


def test_uncertain_points_count_less(people: People) -> None:
    clean = people.points()
    sigma = noise(clean[..., 0], 1.0, 2).sign() * 0.0475 + 0.0525  # 5 or 100 mm
    points = clean + noise(clean, sigma[..., None], 3)
    alike = people.fit(points)
    weighted = people.fit(points, uncertainties=sigma)
    by_weight = people.fit(points, weights=sigma**-2)
    assert people.vertex_error(weighted) < 0.3 * people.vertex_error(alike)
    assert people.vertex_error(weighted) < 4e-3
    assert abs(people.vertex_error(by_weight) - people.vertex_error(weighted)) < 2e-4


def test_doubtful_points_give_a_body_nearer_the_mean(people: People) -> None:
    vertices = people.points()[:, : len(people.model.spread_vertices)]
    settings = FitSettings(independent_points=60)
    sure, doubtful = (
        people.fit(vertices, uncertainties=torch.tensor(sigma), settings=settings)
        for sigma in (0.003, 0.2)
    )
    assert doubtful.betas.norm() < 0.8 * sure.betas.norm()
    bent = [matrix_from_rotvec(result.pose[:, 1:]) - torch.eye(3) for result in (sure, doubtful)]
    assert bent[1].norm() < 0.9 * bent[0].norm()


def test_expectations_fade_as_points_become_more(people: People) -> None:
    points = people.points()
    norms = [
        people.fit(
            points,
            uncertainties=torch.tensor(0.01),
            settings=FitSettings(independent_points=count),
        ).betas.norm()
        for count in (0.1, 60.0, None)
    ]
    assert norms[0] < 0.8 * norms[1] and norms[1] < norms[2]
    assert norms[2] / people.betas.norm() == pytest.approx(1, abs=0.1)


def test_missing_points_of_every_sort_are_the_same(people: People) -> None:
    clean = people.points()
    gone = noise(clean[..., 0], 1.0, 5) > 0.3
    gone[:, -24:] = False
    there = (~gone).float()
    wrong = clean + 9 * gone[..., None]
    fits = [
        people.fit(clean.masked_fill(gone[..., None], torch.nan)),
        people.fit(clean.masked_fill(gone[..., None], torch.inf)),
        people.fit(wrong, there),
        people.fit(wrong, there.masked_fill(gone, torch.nan)),
        people.fit(wrong, there.masked_fill(gone, -1.0)),
    ]
    for result in fits:
        torch.testing.assert_close(result.pose, fits[0].pose)
        torch.testing.assert_close(result.betas, fits[0].betas)
        assert (result.residuals.isnan() == gone).all()
    assert people.vertex_error(fits[0]) < 5e-5
    sigma = torch.full(gone.shape, 0.003)
    unsure = people.fit(wrong, uncertainties=sigma.masked_fill(gone, torch.inf))
    assert people.vertex_error(unsure) < 5e-4


def test_an_arm_that_was_not_seen_is_where_it_is_expected(people: People) -> None:
    skeleton = people.model.body.skeleton
    arm = [skeleton.index(f"R_{name}") for name in ("Elbow", "Wrist", "Hand")]
    vertices = people.model.spread_vertices
    unseen = people.model.weights[vertices][:, arm].sum(1) > 0
    weights = torch.ones(len(vertices) + 24)
    weights[: len(vertices)][unseen] = 0
    # the elbow's own place is the end of an upper arm that was seen
    weights[[len(vertices) + joint for joint in arm[1:]]] = 0
    expected = torch.zeros(16, 24, 3)
    expected[:, arm] = torch.tensor([0.1, -0.4, 0.2])
    result = people.fit(people.points(), weights, expected_pose=expected)
    wanted = torch.zeros(24, dtype=torch.bool)
    wanted[arm] = True
    assert (result.undetermined == wanted).all()
    torch.testing.assert_close(result.pose[:, arm], expected[:, arm], atol=5e-3, rtol=0)
    seen = [joint for joint in range(24) if joint not in arm]
    assert people.degrees(result)[:, seen].mean() < 0.2
    assert (result.pose_sigma[:, arm] > 0.8).all() and (result.pose_sigma[:, 1] < 0.1).all()


def test_points_on_a_line_leave_the_turn_about_it_to_expectation(small: People) -> None:
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
    result = fit(torch.cat([vertices, posed.joints], 1), small.model)
    turned = matrix_from_rotvec(result.pose)[0, joint]
    assert turned @ torch.tensor([-1.0, 0.0, 0.0]) @ axis > 0.99
    assert turned.isfinite().all()


def test_joints_alone(people: People) -> None:
    result = fit(people.joints, people.model, known_betas=people.betas)
    assert people.joint_error(result) < 3e-3
    leaves = [people.model.body.skeleton.index(f"{side}_Hand") for side in "LR"]
    assert result.undetermined[:, leaves].all()


def test_one_point_tells_only_where_it_is(people: People) -> None:
    weights = torch.zeros(len(people.model.v_template))
    weights[100] = 1
    result = fit(people.vertices[:2], people.model, weights)
    assert result.undetermined.all()
    assert not result.betas.abs().max() > 1e-3
    posed = people.model(result.pose, result.betas, result.translation)
    torch.testing.assert_close(posed.vertices[:, 100], people.vertices[:2, 100])


def test_a_mirrored_body_is_fitted_as_well_as_can_be_without_mirroring(people: People) -> None:
    mirrored = people.points() * torch.tensor([-1.0, 1.0, 1.0])
    result = people.fit(mirrored)
    assert result.pose.isfinite().all() and result.betas.isfinite().all()
    assert (torch.linalg.det(matrix_from_rotvec(result.pose)) > 0.99).all()
    assert result.error.min() > 0.02, "a wrong side must not look like a good fit"


@pytest.mark.parametrize("factor", [100.0, 0.01, 39.37])
def test_points_in_other_units_are_fitted_in_these_and_reported(
    people: People, factor: float
) -> None:
    result = people.fit(people.points() * factor)
    assert result.rescaled.all()
    assert (result.scale / factor - 1).abs().max() < 0.03
    assert people.degrees(result).mean() < 0.3
    assert (result.error / factor).max() < 5e-4


def test_scale_is_found_and_shared(people: People) -> None:
    factors = torch.tensor([0.8, 1.25]).repeat(8)
    result = people.fit(people.points() * factors[:, None, None], settings=FitSettings(scale=True))
    assert result.error.max() < 5e-4
    # betas change the size as well, and at almost no evidence against it
    assert (result.scale / factors - 1).abs().max() < 0.1
    known = people.fit(people.points() * factors[:, None, None], known_scale=factors)
    torch.testing.assert_close(known.scale, factors)
    assert people.vertex_error(people.fit(people.points())) < 5e-5
    assert (known.betas - people.betas).abs().max() < 0.02


def test_a_shared_shape_is_found_better_than_alone(people: People) -> None:
    betas = people.betas[:2].repeat_interleave(8, 0)
    posed = people.model(people.pose, betas, people.translation)
    vertices = posed.vertices[:, people.model.spread_vertices]
    points = vertices + noise(vertices, 0.03, 4)
    groups = torch.tensor([7, -2]).repeat_interleave(8)
    shared = people.fit(points, shape_groups=groups)
    alone = people.fit(points)
    for first in (0, 8):
        assert (shared.betas[first : first + 8] == shared.betas[first]).all()
    assert (shared.betas - betas).abs().mean() < 0.6 * (alone.betas - betas).abs().mean()
    mixed = torch.arange(16).reshape(2, 8).T.flatten()
    shuffled = people.fit(points[mixed], shape_groups=groups[mixed])
    torch.testing.assert_close(shuffled.betas, shared.betas[mixed], atol=1e-4, rtol=0)


def test_shared_shapes_reach_over_batches(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    points, groups = people.points(3, 0.01), torch.zeros(16)
    together = people.fit(points, shape_groups=groups)
    monkeypatch.setattr("nlf_blender.worker.smpl.fitting.fit.BATCH_NUMBERS", 1)
    apart = people.fit(points, shape_groups=groups)
    torch.testing.assert_close(apart.betas, together.betas, atol=2e-2, rtol=0)
    torch.testing.assert_close(apart.translation, together.translation, atol=1e-3, rtol=0)


def test_known_shape_and_known_turns_are_kept(people: People) -> None:
    pose = torch.full((16, 24, 3), torch.nan)
    pose[:, [0, 5, 18]] = people.pose[:, [0, 5, 18]]
    result = people.fit(people.points(6, 0.01), known_betas=people.betas, known_pose=pose)
    assert torch.equal(result.betas, people.betas)
    assert people.degrees(result)[:, [0, 5, 18]].max() < 0.05
    assert not result.pose_sigma[:, [0, 5, 18]].any()
    assert people.degrees(result).mean() < 4
    wrong = pose.clone()
    wrong[:, 5] = torch.tensor([0.5, 0.0, 0.0])  # an artist knows better
    edited = people.fit(people.points(), known_pose=wrong)
    torch.testing.assert_close(edited.pose[:, 5], wrong[:, 5], atol=1e-4, rtol=0)
    assert edited.error.mean() > 1e-3


def test_a_warm_start_needs_fewer_iterations(people: People) -> None:
    once = FitSettings(iterations=1)
    near = FitStart(people.pose + noise(people.pose, 0.01, 8), people.betas)
    warm = people.fit(people.points(), settings=once, start=near)
    cold = people.fit(people.points(), settings=once)
    assert people.vertex_error(warm) < 0.5 * people.vertex_error(cold)
    again = people.fit(people.points(), settings=once, start=cold)
    assert people.vertex_error(again) < 0.2 * people.vertex_error(cold)


def test_a_fit_from_the_truth_stays_there(people: People) -> None:
    result = FitStart(people.pose, people.betas)
    for _ in range(4):
        result = people.fit(people.points(), settings=FitSettings(iterations=3), start=result)
    assert people.vertex_error(result) < 2e-6
    assert people.degrees(result).mean() < 0.1


def test_half_of_the_points_never_lead_astray(people: People) -> None:
    points = people.points()
    near = points[..., 2] < points[..., 2].median(1, keepdim=True).values
    result = people.fit(points, near.float(), settings=FitSettings(iterations=8))
    assert result.error.max() < 1e-3, "a step was too long"
    right = people.degrees(result)[~result.undetermined]
    assert right.median() < 0.2 and len(right) > 150
    assert result.undetermined.any()


def test_the_kid_axis() -> None:
    arrays = small_arrays()
    arrays["kid_template"] = arrays["v_template"] * np.array([0.6, 0.5, 0.7])
    body = body_from_arrays(arrays)
    people = make_people(body, 6, 20.0, 2)
    kid = torch.linspace(-0.2, 0.9, 6)
    posed = people.model(people.pose, people.betas, people.translation, kid=kid)
    size = (people.vertices[-1] - people.vertices[-1].mean(0)).norm()
    assert (posed.vertices[-1] - posed.vertices[-1].mean(0)).norm() < 0.8 * size
    settings = FitSettings(kid=True, iterations=10)
    result = fit(posed.vertices, people.model, settings=settings)
    again = people.model(result.pose, result.betas, result.translation, kid=result.kid)
    assert (again.vertices - posed.vertices).norm(dim=-1).mean() < 1e-4
    without = fit(posed.vertices, people.model)
    assert not without.kid.any()


def test_gradients_flow_to_the_points(people: People) -> None:
    step = noise(people.points()[:2], 1.0, 9)
    points = people.points(9, 0.005)[:2]
    weights = noise(torch.zeros(2, 24, 3), 1.0, 10)
    with torch.enable_grad():
        given = points.clone().requires_grad_()
        result = people.fit(given, settings=FitSettings(iterations=6))
        (result.pose * weights).sum().backward()
        slope = float((given.grad * step).sum())
    values = [
        (people.fit(points + h * step, settings=FitSettings(iterations=6)).pose * weights).sum()
        for h in (-1e-3, 1e-3)
    ]
    assert slope == pytest.approx(float(values[1] - values[0]) / 2e-3, rel=0.2)


def test_batch_of_one_equals_batch_of_eight(people: People) -> None:
    points = people.points(0, 0.01)[:8]
    together = people.fit(points)
    for person in range(8):
        alone = people.fit(points[person : person + 1])
        posed = [
            people.model(result.pose, result.betas, result.translation).vertices
            for result in (alone, together)
        ]
        torch.testing.assert_close(posed[0][0], posed[1][person], atol=5e-4, rtol=0)


def test_far_away_is_as_good_as_near(people: People) -> None:
    offset = torch.tensor([10.0, -5.0, 60.0])
    near = people.fit(people.points())
    far = people.fit(people.points() + offset)
    torch.testing.assert_close(far.translation - offset, near.translation, atol=1e-4, rtol=0)
    assert far.error.mean() < 1e-4


def test_nobody_and_nothing_seen(people: People) -> None:
    nobody = people.fit(people.points()[:0])
    assert nobody.pose.shape == (0, 24, 3) and nobody.error.shape == (0,)
    nothing = people.fit(torch.full_like(people.points()[:1], torch.nan))
    assert nothing.undetermined.all() and nothing.error.isnan().all()
    assert not nothing.pose.any() and not nothing.betas.any() and not nothing.translation.any()


def test_wrong_shapes_and_settings_are_refused(people: People) -> None:
    model, points = people.model, people.points()
    with pytest.raises(ValueError, match="points for"):
        fit(points, model)
    with pytest.raises(ValueError, match="not \\[people"):
        fit(points[0], model)
    with pytest.raises(ValueError, match="weights"):
        people.fit(points, torch.ones(5))
    with pytest.raises(ValueError, match="uncertainties"):
        people.fit(points, uncertainties=torch.ones(5))
    with pytest.raises(ValueError, match="betas"):
        people.fit(points, known_betas=torch.zeros(3, 10))
    with pytest.raises(ValueError, match="pose"):
        people.fit(points, known_pose=torch.zeros(16, 23, 3))
    for wrong in ({"iterations": 0}, {"turn": 0.0}, {"independent_points": 0.0}):
        with pytest.raises(ValueError):
            FitSettings(**wrong)


def test_metal_has_no_double_precision_to_fit_with() -> None:
    assert fitting_device(torch.device("mps")) == torch.device("cpu")
    assert fitting_device(torch.device("cuda", 1)) == torch.device("cuda", 1)


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
