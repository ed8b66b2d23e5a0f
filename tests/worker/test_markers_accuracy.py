# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers are as accurate as vertices, and left and right mirror each other."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks import markers_accuracy
from benchmarks.markers_accuracy import MIRROR

from nlf_blender.protocol.marker_set import OPEN
from nlf_blender.protocol.point_set import MESH, PointSet
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.worker.engine import Engine, Models
from nlf_blender.worker.markers.placing import PlacedPoints, place_points

# mean millimetres from where the body's localized points have a point
MOST_APART_MM = {
    markers_accuracy.SKIN: 1.5,
    markers_accuracy.BONES: 8.0,  # of vertices far around them
    markers_accuracy.JOINTS: 0.1,
}


@pytest.fixture(scope="module")
def models() -> Models:
    """With the default model."""
    return Engine().models(LocalizeSettings(device="cpu"))


def test_markers_are_as_accurate_as_vertices_and_mirror(models: Models) -> None:
    parser = argparse.ArgumentParser()
    markers_accuracy.add_options(parser)
    options = parser.parse_args(["--frames", "1", "--scenes", "crossing"])
    rows = {row["points"]: row for row in markers_accuracy.measured(models, options)}
    assert rows[markers_accuracy.SKIN]["people"] == 2
    for kind in markers_accuracy.KINDS:
        assert 0.8 < rows[kind]["absolute_ratio"] < 1.05
        assert 0.5 < rows[kind]["ratio"] < 1.05
        assert rows[kind]["apart_mm"] < MOST_APART_MM[kind]
    assert 0 < rows[markers_accuracy.MIRRORED]["error_mm"] < 0.2
    assert "joints" in markers_accuracy.table(list(rows.values()))


def test_points_that_are_5_mm_off_are_noticed(models: Models) -> None:
    """Beside the errors of the model they are nothing, beside the body's own points they show."""
    points = markers_accuracy.points_of(models)
    taken = markers_accuracy.shots(models, ["crossing"], 1)
    away = np.random.default_rng(2).normal(size=points.canonical.shape)
    away *= 0.005 / np.linalg.norm(away, axis=1, keepdims=True)
    off = replace(points, placed=replace(points.placed, points=points.placed.points + away))
    rows = {row["points"]: row for row in markers_accuracy.errors(models, off, taken, 2)}
    for kind in (markers_accuracy.SKIN, markers_accuracy.JOINTS):
        assert rows[kind]["ratio"] < 1.05 and rows[kind]["apart_mm"] > 2 * MOST_APART_MM[kind]


def test_a_mirrored_set_is_read_as_the_set_is_in_a_flipped_crop(models: Models) -> None:
    """Bit by bit: what a flipped crop reads for a set is what a plain one reads for its mirror."""
    canonical = markers_accuracy.points_of(models).canonical[::10]
    points, other = (placed(models, part) for part in (canonical, canonical * MIRROR))
    np.testing.assert_array_equal(other.points, points.points * MIRROR)
    plain = models.localizer.point_weights(points.points)
    mirrored = models.localizer.point_weights(other.points)
    assert torch.equal(plain.codes, mirrored.mirrored_codes)
    assert torch.equal(plain.mirrored_codes, mirrored.codes)


def placed(models: Models, canonical: np.ndarray) -> PlacedPoints:
    """Points [K,3] of the open body, in the model's space."""
    points = PointSet("points", MESH, OPEN, canonical)
    return place_points(points, models.bodies.fitted, OPEN, models.bodies.of)
