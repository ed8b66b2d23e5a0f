# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the joints of all sets are on the open body."""

from __future__ import annotations

import numpy as np
import pytest

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.errors import UserError
from nlf_blender.worker.assets import OPEN_BODY
from nlf_blender.worker.training.datasets.joint_places import place_of, start_places
from nlf_blender.worker.training.datasets.joint_sets import JointCatalogue


def test_every_joint_has_a_place_in_the_body_that_is_its_counterparts_mirror_image() -> None:
    catalogue = JointCatalogue({"farm": ["left_knee", "right_knee", "head_top"]})
    places = start_places(catalogue)
    assert places.shape == (len(catalogue), 3)
    mirrored = places[catalogue.mirror] * [-1, 1, 1]
    assert np.array_equal(places, mirrored)
    vertices = load_body_npz(OPEN_BODY, posed=False).canonical_vertices
    assert vertices is not None
    far = np.linalg.norm(places[:, None] - vertices[None, ::10], axis=-1).min(axis=1)
    assert far.max() < 0.13
    left = np.array([label.split("/")[1].startswith("left_") for label in catalogue.labels])
    assert (places[left, 0] > 0.02).all()


def test_sets_differ_where_their_joints_do() -> None:
    body = load_body_npz(OPEN_BODY, posed=False)
    assert body.canonical_joints is not None
    knee = body.canonical_joints[body.skeleton.index("L_Knee")]
    assert np.allclose(place_of("smpl24", "left_knee"), knee, atol=1e-5)
    assert np.linalg.norm(place_of("coco17", "left_knee") - knee) > 0.02
    hips = (place_of("coco17", "left_hip") + place_of("coco17", "right_hip")) / 2
    assert np.allclose(place_of("h36m17", "pelvis"), hips, atol=1e-5)
    assert place_of("h36m17", "neck")[1] > place_of("smpl24", "neck")[1] + 0.05


def test_a_name_that_no_set_has_is_told() -> None:
    with pytest.raises(UserError, match="left_wing"):
        start_places(JointCatalogue({"birds": ["left_wing", "right_wing"]}))
