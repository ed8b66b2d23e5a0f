# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of truth in crops for training: what becomes of each, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from crop_examples import (
    LANDMARKS,
    SIDES,
    dot_example,
    dot_places,
    lens,
    skeleton_example,
)
from crops_made import CATALOGUE, joint_names, made, maker, new_samples, redness

from nlf_blender.errors import UserError
from nlf_blender.worker.training.crops.batch import FIXED
from nlf_blender.worker.training.crops.collate import collate
from nlf_blender.worker.training.crops.settings import CropSettings, unvaried
from nlf_blender.worker.training.datasets.example import PersonTruth, SurfacePixels


def test_without_a_camera_only_pixels_are_known() -> None:
    example = skeleton_example("skeleton", known_camera=False)
    crop, batch = made(example, unvaried())
    assert not batch.has_camera[0] and not batch.has_3d.any()
    assert batch.has_2d.sum() == 16  # the nose is unknown
    left = [n for n, joint in enumerate(joint_names(batch)) if joint.startswith("left")]
    for row in left:
        color, middle = redness(crop.image, batch.points_2d[0, row].numpy())
        assert color > 20 and np.linalg.norm(middle - batch.points_2d[0, row].numpy()) < 1
    assert batch.landmarks_3d.isnan().all()


def test_places_up_to_a_translation_are_marked_and_keep_their_own_pixels() -> None:
    absolute, relative = (
        made(skeleton_example("skeleton", absolute=known), unvaried())[1] for known in (True, False)
    )
    assert absolute.absolute[0] and not relative.absolute[0]
    assert relative.has_3d.sum() == relative.has_2d.sum() == 16
    assert joint_names(absolute) == joint_names(relative)
    assert np.allclose(absolute.points_2d, relative.points_2d, atol=1e-3)


def test_pairs_of_pixels_and_surface_become_points_of_their_own() -> None:
    example = dot_example()
    (person,) = example.people
    corners = np.tile(np.arange(3) + LANDMARKS, (5, 1))
    weights = np.tile([0.2, 0.3, 0.5], (5, 1))
    pixels = person.box[:2] + np.arange(10).reshape(5, 2) * 3
    pairs = SurfacePixels("dots", pixels, corners, weights)
    person = replace(person, mesh=None, surface=pairs)
    crop, batch = made(replace(example, people=(person,)), unvaried())
    assert len(batch.queries.places) == 5 and (batch.queries.joints == FIXED).all()
    assert np.allclose(batch.queries.places, weights[0] @ dot_places()[:3])
    assert batch.has_2d.all() and not batch.has_3d.any()
    expected = crop.view.project(lens().unproject(pixels))
    assert np.allclose(batch.points_2d[0], expected, atol=1e-3)


def test_crops_of_a_batch_share_their_canonical_points() -> None:
    settings = CropSettings(points=20)
    samples = new_samples(20)
    crops = [
        maker(settings, True).crop(example, example.people[0], samples, (seed,))
        for seed in range(3)
        for example in (dot_example(), skeleton_example("skeleton"))
    ]
    batch = collate(crops, [0, 1] * 3, samples, CATALOGUE)
    assert len(batch.queries.places) == 20 + 16
    assert batch.columns.shape == (6, 20) and batch.dataset.tolist() == [0, 1] * 3
    known = batch.has_3d.sum(dim=1).tolist()
    assert known == [20, 16] * 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mesh": None}, "Nothing to learn"),
        ({"box": np.array([10.0, 10.0, 0.0, 50.0])}, "no area"),
        ({"box": np.array([700.0, 10.0, 90.0, 50.0])}, "none in the picture"),
        ({"box": np.array([10.0, np.nan, 0.0, 50.0]), "mesh": None}, "Nothing to learn"),
    ],
    ids=["nothing known", "flat box", "box beyond the picture", "no box"],
)
def test_a_person_that_cannot_be_used_is_refused(change: dict, words: str) -> None:
    example = dot_example()
    person: PersonTruth = replace(example.people[0], **change)
    with pytest.raises(UserError, match=words):
        made(replace(example, people=(person,)), unvaried())


def test_a_box_that_is_unknown_is_that_of_the_points() -> None:
    example = dot_example()
    person = replace(example.people[0], box=np.full(4, np.nan))
    _, batch = made(replace(example, people=(person,)), unvaried(), aligned=False)
    assert batch.is_inside.sum() >= 2 * SIDES - 4  # those at the very edge may be half beyond it


def test_a_picture_of_another_size_than_annotated_is_refused() -> None:
    example = replace(dot_example(), size=(641, 480))
    with pytest.raises(UserError, match="annotated as 641x480"):
        made(example, unvaried())
