# SPDX-License-Identifier: GPL-3.0-or-later
"""Kept features, and points beside the body, with the real model."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import build
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.protocol.take import read_info
from nlf_blender.protocol.take_sets import FEATURES_FOLDER
from nlf_blender.worker.engine import Engine
from nlf_blender.worker.markers.features import (
    FeatureKeeper,
    GivenFeatures,
    features_file,
    read_features,
    write_features,
)
from nlf_blender.worker.markers.points_job import localize_points
from nlf_blender.worker.pipeline import localize_photo
from nlf_blender.worker.progress import Progress
from tests.worker.marker_sets import VERTICES, at_vertices, body_points, marker_file, set_of

SETTINGS = LocalizeSettings(device="cpu", test_time_augmentations=2)
NEAR = 1e-5  # metres: the same readout, in a product of matrices of another size
HALF = 5e-4  # metres that features in half precision may cost


@pytest.fixture(scope="module")
def engine() -> Engine:
    """One engine for all tests, as in a warm worker."""
    return Engine()


@pytest.fixture(scope="module")
def take(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A photo's take with a set, whose features were kept."""
    folder = tmp_path_factory.mktemp("take")
    settings = replace(SETTINGS, sets=(marker_file(folder),), keep_features=True)
    yield localize_photo(build.astronaut(), folder, settings, engine, Progress())


def test_a_point_at_a_vertex_is_that_vertex(take: Path) -> None:
    _, points, uncertainty = set_of(take)
    np.testing.assert_allclose(points, body_points(take, *VERTICES), atol=NEAR)
    assert (uncertainty > 0).all()


def test_the_body_has_the_same_bytes_with_and_without_sets(
    take: Path, engine: Engine, tmp_path: Path
) -> None:
    plain = localize_photo(build.astronaut(), tmp_path, SETTINGS, engine, Progress())
    assert read_info(plain).chunks == read_info(take).chunks


def test_features_and_the_photo_give_the_same_points_and_no_model_is_loaded_again(
    take: Path, engine: Engine, tmp_path: Path
) -> None:
    copy, models = Path(shutil.copytree(take, tmp_path / take.name)), engine.models(SETTINGS)
    localize_points(copy, [marker_file(tmp_path, "A", at_vertices(9))], [], engine, Progress())
    shutil.rmtree(copy / FEATURES_FOLDER)
    localize_points(copy, [marker_file(tmp_path, "B", at_vertices(8))], [], engine, Progress())
    np.testing.assert_allclose(set_of(copy, "A")[1], body_points(take, 9), atol=HALF)
    np.testing.assert_allclose(set_of(copy, "B")[1], body_points(take, 8), atol=NEAR)
    assert engine.models(SETTINGS) is models


def test_features_are_of_persons_in_their_order(tmp_path: Path) -> None:
    keeper, features = FeatureKeeper(), torch.randn(6, 3, 2, 2).half().float()
    assert keeper.given(0, 4) is None
    keeper.made(0, features[:4])
    keeper.made(4, features[4:])
    people = [keeper.of_person(number, 2) for number in (0, 2)]
    write_features(tmp_path, 0, people)
    kept = read_features(tmp_path, 0, rows=2, variations=2)
    assert kept is not None
    given = GivenFeatures(kept.reshape(-1, *kept.shape[2:]))
    assert torch.equal(given.given(0, 4), features[[0, 1, 4, 5]])
    assert torch.equal(given.given(3, 1), features[5:])


def test_features_that_are_not_those_of_the_rows_are_none(tmp_path: Path) -> None:
    assert read_features(tmp_path, 0, 1, 1) is None
    write_features(tmp_path, 0, [np.zeros((2, 3, 1, 1), np.float16)])
    assert read_features(tmp_path, 0, rows=2, variations=2) is None
    assert read_features(tmp_path, 0, rows=1, variations=1) is None
    path = features_file(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:-1])
    assert read_features(tmp_path, 0, rows=1, variations=2) is None


def test_features_beyond_half_precision_stay_finite() -> None:
    keeper = FeatureKeeper()
    keeper.made(0, torch.tensor([1e6, -1e6]).reshape(1, 2, 1, 1))
    assert np.isfinite(keeper.of_person(0, 1)).all()
