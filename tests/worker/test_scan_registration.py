# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration to scans: preparation, pulls, derivatives, and whole registrations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from benchmarks import scans
from body_examples import OPEN_BODY, small_body
from scipy.spatial import cKDTree

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.errors import UserError
from nlf_blender.worker.progress import Cancelled, Progress
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.registration.body_points import (
    BodyPoints,
    State,
    moved_state,
    outer_vertices,
)
from nlf_blender.worker.smpl.registration.correspond import (
    Cloud,
    TransportSettings,
    transport_pull,
)
from nlf_blender.worker.smpl.registration.register import RegisterSettings, Registration, register
from nlf_blender.worker.smpl.registration.scan import PreparedScan, Scan, prepare_scan
from nlf_blender.worker.smpl.rotations import matrix_from_rotvec
from nlf_blender.worker.smpl.surface_normals import vertex_normals

# Registrations from these many starts succeed on the scans below, in a few seconds.
UPRIGHT = RegisterSettings(any_orientation=False, starts=100)


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return BodyModel(load_body_npz(OPEN_BODY))


def degraded(model: BodyModel, seed: int, *ways: scans.Degrade) -> tuple[scans.Person, Scan, float]:
    """An upright person, the scan of them after these ways, and its unit in metres."""
    rng = np.random.default_rng(seed)
    person = scans.draw_person(model, seed, upright=True)
    scan = scans.clean_scan(model, person, rng)
    for way in ways:
        scan = way(scan, rng)
    return person, Scan(scan.points.astype(np.float32), scan.normals), scan.unit


def errors(
    model: BodyModel, person: scans.Person, found: Registration, unit: float = 1.0
) -> scans.Errors:
    return scans.errors_of(model, person, found, unit, np.random.default_rng(0))


def test_a_clean_full_scan_in_any_orientation(model: BodyModel) -> None:
    rng = np.random.default_rng(3)
    person = scans.draw_person(model, 3, upright=False)
    scan = scans.clean_scan(model, person, rng)
    found = register(Scan(scan.points.astype(np.float32), scan.normals), model)
    error = errors(model, person, found)
    assert error.surface_mm < 1.5
    assert error.joint_mm < 5
    assert error.root_deg < 5
    assert found.mean_distance == pytest.approx(error.scan_mm / 1000, rel=0.2)
    assert found.body_distance == pytest.approx(error.body_mm / 1000, rel=0.3)
    assert not found.undetermined.any()
    assert found.starts_tried == 600


def test_a_noisy_cloud_without_normals_in_inches(model: BodyModel) -> None:
    person, scan, unit = degraded(model, 4, scans.noisy, scans.without_normals, scans.in_inches)
    found = register(scan, model, UPRIGHT)
    assert found.scale == pytest.approx(1 / unit)
    assert errors(model, person, found, unit).surface_mm < 2.5
    assert any("inches" in note for note in found.notes)
    # 5 mm along every axis: what is left along the normal, and a little of the rest
    assert 3e-3 < found.mean_distance < 6e-3


def test_one_view_leaves_the_far_side_to_the_shape(model: BodyModel) -> None:
    person, scan, _ = degraded(model, 5, scans.from_one_view)
    found = register(scan, model, dataclasses.replace(UPRIGHT, partial=True))
    error = errors(model, person, found)
    assert found.mean_distance < 2.5e-3
    assert error.surface_mm < 6
    assert error.root_deg < 15
    assert np.isnan(found.body_distance)


def test_what_a_scan_lacks_is_undetermined_and_outliers_do_not_count(model: BodyModel) -> None:
    person, scan, _ = degraded(model, 6)
    arm = [model.body.skeleton.joint_names.index(name) for name in ("L_Elbow", "L_Wrist", "L_Hand")]
    gone = model.body.weights[:, arm].sum(1) > 0.5
    kept = ~gone[nearest_vertices(scan.points, person.vertices)]
    rng = np.random.default_rng(0)
    floaters = rng.uniform(scan.points.min(0) - 0.3, scan.points.max(0) + 0.3, size=(1000, 3))
    points = np.concatenate([scan.points[kept], floaters]).astype(np.float32)
    found = register(Scan(points), model, dataclasses.replace(UPRIGHT, partial=True))
    assert found.undetermined[arm].all()
    others = np.setdiff1d(np.arange(len(model.parents)), arm)
    assert not found.undetermined[others].any()
    assert found.median_distance < 3e-3


def nearest_vertices(points: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    return cKDTree(vertices).query(points)[1]


def test_a_body_unlike_smpl_registers_to_itself() -> None:
    body = small_body()
    model = BodyModel(body)
    pose = torch.zeros(1, len(model.parents), 3)
    pose[0, 1] = torch.tensor([0.1, 0.4, 0.0])
    pose[0, 2] = torch.tensor([0.0, 0.3, 0.3])
    posed = model(pose, torch.zeros(1, 3), torch.tensor([[0.5, 0.0, 1.0]]))
    vertices = posed.vertices[0].numpy()
    rng = np.random.default_rng(0)
    points, normals = scans.surface_points(vertices, body.faces, 4000, rng)
    scan = Scan(points.astype(np.float32), normals)
    found = register(scan, model, RegisterSettings(any_orientation=False, starts=16))
    assert found.mean_distance < 8e-3
    assert found.pose.shape == (5, 3)
    assert found.betas.shape == (3,)


def test_cancelling_stops_within_half_a_second_of_work(model: BodyModel) -> None:
    _, scan, _ = degraded(model, 7)
    asked = []

    def is_cancelled() -> bool:
        asked.append(len(asked))
        return len(asked) > 20

    with pytest.raises(Cancelled):
        register(scan, model, UPRIGHT, Progress(is_cancelled=is_cancelled))
    assert len(asked) == 21


def test_derivatives_are_those_of_the_points(model: BodyModel) -> None:
    body = model.body
    double = BodyModel(body).double()
    double.posedirs = None  # the derivatives leave the pose correctives out
    normals = torch.from_numpy(vertex_normals(body.v_template, body.faces))
    points = BodyPoints(double, model.spread_vertices[::50], normals, 4)
    generator = torch.Generator().manual_seed(0)
    pose = torch.randn(2, 24, 3, generator=generator, dtype=torch.float64) * 0.5
    betas = torch.randn(2, 4, generator=generator, dtype=torch.float64)
    place = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]]).double()
    state = State(matrix_from_rotvec(pose), betas, place, torch.tensor([1.0, 1.2]).double())
    posed = points.pose(state)
    expected = points.derivatives(state, posed, with_scale=True)
    size = 1e-6
    for column in range(expected.shape[-1]):
        step = torch.zeros(2, expected.shape[-1], dtype=torch.float64)
        step[:, column] = size
        moved = points.pose(moved_state(state, posed, step, with_scale=True)).points
        difference = (moved - posed.points) / size
        torch.testing.assert_close(difference, expected[..., column], atol=1e-5, rtol=0)


@pytest.mark.parametrize("sigma", [0.03, 0.2])
def test_transport_leaves_a_body_on_its_scan_alone(model: BodyModel, sigma: float) -> None:
    points = model.v_template[model.spread_vertices]
    normals = vertex_normals(model.body.v_template, model.body.faces)
    normals = torch.from_numpy(normals).float()[model.spread_vertices]
    weights = torch.full((len(points),), 1 / len(points))
    body, scan = Cloud(points[None], normals[None]), Cloud(points, normals)
    settings = TransportSettings(sigma)
    pull = transport_pull(body, weights, scan, settings)
    mass = pull.information[0, :, 0, 0]
    assert 0.9 < float(mass.sum()) <= 1.001
    assert float((pull.pull[0].norm(dim=1) / mass).mean()) < 2e-3
    # shifted by less than the blur, it is pulled back by about as much
    shift = torch.tensor([0.2, -0.1, 0.1]) * sigma
    pull = transport_pull(Cloud(body.points + shift, body.normals), weights, scan, settings)
    mean = pull.pull[0].sum(0) / pull.information[0, :, 0, 0].sum()
    assert float((mean + shift).norm()) < 0.3 * float(shift.norm())


@pytest.mark.parametrize(("unit", "name"), [(0.01, "centimetres"), (0.001, "millimetres")])
def test_units_are_guessed_from_the_size(model: BodyModel, unit: float, name: str) -> None:
    vertices = model.body.v_template / unit
    scan = prepare_scan(vertices, model.body.faces)
    assert scan.unit_factor == unit
    assert name in scan.notes[0]
    assert 1.4 < np.ptp(scan.points[:, 1]) < 2.0
    assert prepare_scan(vertices * unit, model.body.faces).notes == ()
    assert prepare_scan(vertices, model.body.faces, unit_factor=unit).notes == ()


def test_a_mesh_turned_inside_out_is_turned_back(model: BodyModel) -> None:
    body = model.body
    inverted = prepare_scan(body.v_template, body.faces[:, ::-1])
    assert inverted.signed
    assert agreement(inverted, model) > 0.95


def test_normals_of_a_cloud_are_estimated_and_turned_outward(model: BodyModel) -> None:
    rng = np.random.default_rng(0)
    points, _ = scans.surface_points(model.body.v_template, model.body.faces, 20_000, rng)
    scan = prepare_scan(points)
    if scan.signed:
        assert agreement(scan, model) > 0.9
    else:
        assert any("sign" in note for note in scan.notes)
    unsigned = np.abs(normal_cosines(scan, model))
    assert np.median(unsigned) > 0.97


def normal_cosines(scan: PreparedScan, model: BodyModel) -> np.ndarray:
    body = model.body
    normals = vertex_normals(body.v_template, body.faces)
    nearest = nearest_vertices(scan.points, body.v_template)
    return np.einsum("nc,nc->n", scan.normals, normals[nearest])


def agreement(scan: PreparedScan, model: BodyModel) -> float:
    return float((normal_cosines(scan, model) > 0).mean())


def test_floaters_and_broken_points_are_left_out(model: BodyModel) -> None:
    rng = np.random.default_rng(0)
    points, _ = scans.surface_points(model.body.v_template, model.body.faces, 20_000, rng)
    ball = rng.normal(size=(50, 3)) * 0.01 + [0.8, -0.5, 0.6]
    broken = np.full((100, 3), np.nan)
    scan = prepare_scan(np.concatenate([points, ball, broken]))
    assert np.isfinite(scan.points).all()
    assert np.linalg.norm(scan.points - [0.8, -0.5, 0.6], axis=1).min() > 0.2
    assert len(scan.points) > 15_000
    assert any("left out" in note for note in scan.notes)


@pytest.mark.parametrize(
    "arguments",
    [
        (np.zeros((50, 3)),),
        (np.full((1000, 3), np.nan),),
        (np.zeros((1000, 2)),),
        (np.ones((1000, 3)), np.array([[0, 1, 2]])),  # no area
        (np.random.default_rng(0).random((1000, 3)), np.array([[0, 1, 2000]])),
        (np.random.default_rng(0).random((1000, 3)) * 9,),  # no person in any unit
        (np.random.default_rng(0).random((1000, 3)), None, np.ones((9, 3))),
        (np.ones((1000, 3)),),  # one place only
    ],
)
def test_what_is_no_scan_is_said_to_be_none(arguments: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(UserError) as raised:
        prepare_scan(*arguments)
    assert raised.value.fix


def test_eyes_and_tongue_are_not_looked_for(model: BodyModel) -> None:
    outer = outer_vertices(model.body)
    names = np.array(model.body.part_names)[model.body.vertex_part]
    assert not outer[np.isin(names, ["left_eye", "right_eye", "tongue"])].any()
    assert outer[np.isin(names, ["torso", "head", "left_hand"])].all()
