# SPDX-License-Identifier: GPL-3.0-or-later
"""The learnt places of datasets' joints: their start, their symmetry, and that they are found."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nlf_blender.worker.nlf.field import FieldConfig
from nlf_blender.worker.nlf.head import HeatmapHead
from nlf_blender.worker.training.datasets.joint_places import start_places
from nlf_blender.worker.training.datasets.joint_sets import JointCatalogue
from nlf_blender.worker.training.model.readout import read_points
from nlf_blender.worker.training.points.canonical_joints import CanonicalJoints

MIRROR = torch.tensor([-1.0, 1.0, 1.0])
SMALL = FieldConfig(
    fourier_dim=0, gps_hidden_dim=32, signature_dim=16, code_dim=16, feature_dim=16, depth=8
)


@pytest.fixture
def catalogue() -> JointCatalogue:
    return JointCatalogue({"ours": ("left_hip", "right_hip", "nose")})


@pytest.fixture
def joints(catalogue: JointCatalogue) -> CanonicalJoints:
    return CanonicalJoints(catalogue)


def shaken(joints: CanonicalJoints) -> CanonicalJoints:
    torch.manual_seed(0)
    with torch.no_grad():
        joints.moves.normal_(std=0.02)
    return joints


def test_every_joint_starts_at_its_place_on_the_body(
    joints: CanonicalJoints, catalogue: JointCatalogue
) -> None:
    assert np.allclose(joints().detach().numpy(), start_places(catalogue), atol=1e-6)
    assert len(joints()) == len(catalogue)
    middle = int((catalogue.mirror == np.arange(len(catalogue))).sum())
    assert len(joints.moves) == (len(catalogue) + middle) // 2


def test_places_stay_symmetric_whatever_is_learnt(
    joints: CanonicalJoints, catalogue: JointCatalogue
) -> None:
    places = shaken(joints)().detach()
    assert torch.equal(places[torch.from_numpy(catalogue.mirror)], places * MIRROR)
    middle = torch.from_numpy(catalogue.mirror == np.arange(len(catalogue)))
    assert (places[middle, 0] == 0).all()
    assert places[~middle, 0].abs().min() > 0


def test_a_set_that_is_part_of_another_shares_its_joints(
    joints: CanonicalJoints, catalogue: JointCatalogue
) -> None:
    by_set = shaken(joints).by_set()
    assert np.array_equal(by_set["coco17"]["left_knee"], by_set["coco23"]["left_knee"])
    assert not np.allclose(by_set["smpl24"]["left_knee"], by_set["coco17"]["left_knee"])
    assert set(by_set["ours"]) == {"left_hip", "right_hip", "nose"}


def test_queries_of_learnt_joints_are_filled_in(
    joints: CanonicalJoints, catalogue: JointCatalogue
) -> None:
    hip = catalogue.number("h36m17", "left_hip")
    places = joints.resolve(torch.full((3, 3), 7.0), torch.tensor([-1, hip, -1]))
    assert places[[0, 2]].tolist() == [[7.0] * 3] * 2
    assert torch.equal(places[1], joints()[hip])
    places.sum().backward()
    touched = joints.moves.grad.any(dim=1)
    assert int(touched.sum()) == 1
    assert touched[joints.row[hip]]


def test_places_of_a_model_are_taken_over(
    joints: CanonicalJoints, catalogue: JointCatalogue
) -> None:
    known = shaken(joints).by_set()
    other = CanonicalJoints(catalogue)
    before = other().detach().clone()
    other.adopt({name: known[name] for name in ("h36m25", "nowhere") if name in known})
    after = other().detach()
    numbers = catalogue.numbers("h36m25")
    assert torch.allclose(after[numbers], joints().detach()[numbers], atol=1e-6)
    rest = np.setdiff1d(np.arange(len(catalogue)), numbers)
    assert torch.equal(after[rest], before[rest])
    other.adopt(known)
    assert torch.allclose(other(), joints(), atol=1e-6)


def test_joints_find_the_place_that_their_truth_comes_from(
    joints: CanonicalJoints, catalogue: JointCatalogue
) -> None:
    """What a head says of places a few centimetres off is the truth: the places are recovered."""
    torch.manual_seed(1)
    head = HeatmapHead(6, 256, 32, SMALL).eval()
    with torch.no_grad():
        for layer in (head.weight_field.gps_net.mlp[0], head.weight_field.pred_mlp[0]):
            layer.weight.mul_(4.0)
        head.weight_field.pred_mlp[2].weight.mul_(20.0)
    features = torch.randn(6, 6, 8, 8)
    numbers = torch.from_numpy(catalogue.numbers("h36m17"))
    columns = torch.arange(len(numbers)).repeat(6, 1)
    hidden = shaken(CanonicalJoints(catalogue))()[numbers].detach()
    with torch.no_grad():
        truth = read_points(head, features, hidden, columns).points_3d

    def off() -> float:
        return (joints()[numbers] - hidden).detach().norm(dim=-1).mean().item()

    started = off()
    optimizer = torch.optim.Adam(joints.parameters(), lr=2e-3)
    for _ in range(80):
        found = read_points(head, features, joints()[numbers], columns).points_3d
        optimizer.zero_grad()
        (found - truth).square().sum().backward()
        optimizer.step()
    assert started > 0.025
    assert off() < 0.15 * started
