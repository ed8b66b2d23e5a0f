# SPDX-License-Identifier: GPL-3.0-or-later
"""Posed synthetic bodies in batches: transforms of skinning, points by vertices and joints."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nlf_blender.worker.training.datasets.example import BodyTruth
from nlf_blender.worker.training.synthetic.bodies import (
    pose_truths,
    skinning_transforms,
)
from nlf_blender.worker.training.synthetic.casting import Casting
from nlf_blender.worker.training.synthetic.headings import camera_axes

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(scope="module")
def casting() -> Casting:
    return Casting(None)


def test_transforms_are_those_that_skinning_blends(casting: Casting) -> None:
    people, body = casting.crops(3, range(20), 200).people, casting.body
    rest = body.rest_joints(people.betas)
    moved = (people.transforms[..., :3] @ rest[..., None])[..., 0] + people.transforms[..., 3]
    assert torch.allclose(moved, people.joints, atol=1e-5)
    blended = (body.weights @ people.transforms.flatten(2)).unflatten(2, (3, 4))
    skin = (blended[..., :3] @ people.shaped[..., None])[..., 0] + blended[..., 3]
    gap = (skin - people.vertices).norm(dim=-1) / people.scale[:, None]  # without correctives
    assert float(gap.mean()) < 0.006 and float(gap.max()) < 0.12


def test_transforms_scale_small_people(casting: Casting) -> None:
    body = casting.body
    rotations = np.tile(np.eye(3), (24, 1, 1))  # no correctives in the T-pose
    rotations[0] = camera_axes(np.array([0.6, 0.0, 0.8]), 20.0)
    truth = BodyTruth("open", np.zeros(16), rotations, np.array([0.1, 0.2, 3.0]), scale=0.6)
    posed = pose_truths(body, [truth])
    moves = skinning_transforms(posed, body.joints_template[None], torch.tensor([0.6]))
    blended = (body.weights @ moves.flatten(2)).unflatten(2, (3, 4))
    skin = (blended[..., :3] @ body.v_template[..., None])[..., 0] + blended[..., 3]
    assert torch.allclose(skin, posed.vertices, atol=1e-5)
