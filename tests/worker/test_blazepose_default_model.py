# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped default model on painted people whose joints are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from painted_person import ASSETS, LIMBS, Painted, paint_person
from safetensors import safe_open

from nlf_blender.worker.evaluation.metrics import p_mpjpe
from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.localized import LocalizedPerson
from nlf_blender.worker.nlf.localizer import Localizer
from nlf_blender.worker.people.finder import PeopleFinder
from nlf_blender.worker.training.synthetic.skeleton import INDEX

MEGABYTES_ALLOWED = 50
JOINTS = slice(0, 24)


@pytest.fixture(scope="module")
def localizer() -> Localizer:
    torch.set_num_threads(1)
    return Localizer(load_localizer("default", "cpu", ASSETS))


@pytest.fixture(scope="module")
def finder() -> PeopleFinder:
    return PeopleFinder("cpu", ASSETS)


def localize(localizer: Localizer, finder: PeopleFinder, painted: Painted) -> LocalizedPerson:
    """The 24 joints, then every 20th vertex."""
    body = np.load(ASSETS / "open_body.npz")
    points = np.concatenate([body["canonical_joints"], body["canonical_vertices"][::20]])
    people = finder.find(painted.image, 1)
    weights = localizer.point_weights(points)
    crops = [person.crop for person in people]
    ((person,),) = localizer.localize([painted.image], [crops], [painted.intrinsics], weights)
    return person


def aligned_limb_error(found: np.ndarray, true: np.ndarray) -> float:
    """Mean distance of 12 joints after Procrustes, metres."""
    first, second = (torch.from_numpy(np.asarray(x, np.float64)) for x in (found, true))
    return float(p_mpjpe(first[None, LIMBS], second[None, LIMBS]))


@pytest.mark.parametrize(("heading", "roll"), [(20.0, 0.0), (-60.0, 0.0), (30.0, 70.0)])
def test_joints_of_a_painted_person(
    localizer: Localizer, finder: PeopleFinder, heading: float, roll: float
) -> None:
    painted = paint_person(heading=heading, roll=roll)
    person = localize(localizer, finder, painted)
    assert aligned_limb_error(person.points[JOINTS], painted.joints) < 0.1
    height = np.ptp(painted.joint_pixels, axis=0).max()
    off = np.linalg.norm(person.points_2d[JOINTS] - painted.joint_pixels, axis=1)
    assert off.mean() < 0.04 * height
    depth = painted.joints[0, 2]
    assert person.points[0, 2] == pytest.approx(depth, rel=0.25)


def test_left_is_left(localizer: Localizer, finder: PeopleFinder) -> None:
    painted = paint_person(heading=0.0)
    joints = localize(localizer, finder, painted).points[JOINTS]
    for joint in ("shoulder", "hip", "knee", "ankle"):
        left, right = (joints[INDEX[f"{side}_{joint}"], 0] for side in ("left", "right"))
        assert left > right + 0.05


def test_uncertainty_is_about_the_error(localizer: Localizer, finder: PeopleFinder) -> None:
    person = localize(localizer, finder, paint_person())
    assert (person.uncertainty > 0.01).all()
    assert 0.02 < float(person.uncertainty.mean()) < 0.4


def test_model_files_are_small_and_say_what_they_are() -> None:
    names = ("default_model", "blazepose_heavy", "person_detector")
    files = [ASSETS / f"{name}.safetensors" for name in names]
    assert sum(file.stat().st_size for file in files) < MEGABYTES_ALLOWED * 1_000_000
    for file in files:
        with safe_open(str(file), framework="pt") as opened:
            assert "Apache-2.0" in opened.metadata()["license"]


def test_figures_of_the_training_run_are_in_the_file() -> None:
    with safe_open(str(ASSETS / "default_model.safetensors"), framework="pt") as opened:
        figures = json.loads(opened.metadata()["figures"])
    assert figures["held_out"]["limbs_p_mm"] < 114
    assert figures["held_out"]["uncertainty_spearman"] > 0.5
