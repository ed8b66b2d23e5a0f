# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is whom, what is measured of a person, and how it becomes figures."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from painted_person import ASSETS, LIMBS, paint_person

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.worker.evaluation.found import FoundPerson
from nlf_blender.worker.evaluation.items import BadItem, Item, TrueJoints, TrueMesh, TruePerson
from nlf_blender.worker.evaluation.limbs import LIMB_NAMES
from nlf_blender.worker.evaluation.matching import match, match_item
from nlf_blender.worker.evaluation.person_errors import Measure, PersonErrors, root_rows
from nlf_blender.worker.evaluation.shapes import fitted_betas, silhouette
from nlf_blender.worker.evaluation.summary import (
    Counts,
    Tally,
    by_seen,
    joint_table,
    means,
    normalized,
    uncertainty,
)
from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.people.person import Frame, Person
from nlf_blender.worker.smpl.body_model import BodyModel

LABELS = tuple(("", name) for name in LIMB_NAMES)
SIZE = (480, 640)


@pytest.fixture(scope="module")
def models() -> SimpleNamespace:
    torch.set_num_threads(1)
    body = load_body_npz(ASSETS / "open_body.npz")
    return SimpleNamespace(body=body, body_model=BodyModel(body))


def person_and_answer(shift: np.ndarray) -> tuple[TruePerson, FoundPerson, Camera]:
    """A painted person, and an answer that is right but for a shift of everything."""
    painted = paint_person()
    camera = Camera.create(painted.intrinsics)
    limbs = painted.joints[LIMBS].astype(np.float64)
    body = np.concatenate([painted.vertices, painted.joints]).astype(np.float64)
    found = FoundPerson(
        joints=limbs + shift,
        doubt=np.linspace(0.1, 0.2, len(limbs)),
        pixels=camera.project(limbs + shift),
        body=body + shift,
        body_doubt=np.full(len(body), 0.01),
        person=Person(np.zeros(4), 1.0, Frame(np.zeros(2), 1.0, 0.0), np.zeros((33, 3))),
        camera=camera,
    )
    mesh = TrueMesh("open", painted.vertices.astype(np.float64))
    truth = TruePerson(np.array([100.0, 50, 300, 450]), TrueJoints(LABELS, limbs), mesh=mesh)
    return truth, found, camera


def test_a_shift_is_an_absolute_error_alone(models: SimpleNamespace) -> None:
    truth, found, camera = person_and_answer(np.array([0.0, 0.0, 0.1]))
    figures = Measure(models, LABELS).errors(truth, found, camera, SIZE).figures
    for name in ("mpjpe", "p_mpjpe", "p_mpjpe_12", "mve", "p_mve"):
        assert figures[name] == pytest.approx(0.0, abs=1e-5)
    assert figures["mpjpe_abs"] == pytest.approx(0.1, abs=1e-6)
    assert figures["mve_abs"] == pytest.approx(0.1, abs=1e-6)
    assert figures["pck_150"] == 1.0
    assert figures["auc_150"] == pytest.approx(1.0)
    assert figures["pve_t_sc"] < 0.003  # the fits' own error
    assert 0.8 < figures["miou"] < 1.0  # it is a little smaller


def test_pixels_are_shares_of_the_longer_side_of_the_box(models: SimpleNamespace) -> None:
    truth, found, camera = person_and_answer(np.array([0.04, 0.0, 0.0]))
    figures = Measure(models, LABELS).errors(truth, found, camera, SIZE).figures
    assert truth.joints is not None
    expected = (camera.intrinsics[0, 0] * 0.04 / truth.joints.places[:, 2]).mean() / 400
    assert figures["error_2d"] == pytest.approx(expected, rel=1e-6)


def test_one_joint_off(models: SimpleNamespace) -> None:
    truth, found, camera = person_and_answer(np.zeros(3))
    found.joints[LIMB_NAMES.index("left_wrist"), 1] += 0.24
    errors = Measure(models, LABELS).errors(truth, found, camera, SIZE)
    assert errors.figures["mpjpe"] == pytest.approx(0.02)
    assert errors.figures["pck_150"] == pytest.approx(11 / 12)
    assert errors.joints["left_wrist"]["mpjpe"] == pytest.approx(0.24)
    assert errors.joints["right_wrist"]["mpjpe"] == pytest.approx(0.0, abs=1e-9)
    doubt, error = errors.doubts["joints"][0]
    assert error.max() == pytest.approx(0.22)  # about the mean, which moves by 0.02
    assert len(doubt) == 12


def test_without_a_camera_nothing_is_absolute(models: SimpleNamespace) -> None:
    truth, found, _ = person_and_answer(np.array([0.0, 0.0, 0.1]))
    figures = Measure(models, LABELS).errors(truth, found, None, SIZE).figures
    assert {"mpjpe_abs", "mve_abs", "error_2d", "miou"}.isdisjoint(figures)
    assert "mpjpe" in figures


def test_unknown_joints_do_not_count(models: SimpleNamespace) -> None:
    truth, found, camera = person_and_answer(np.zeros(3))
    assert truth.joints is not None
    truth.joints.places[0] = np.nan
    found.joints[0] += 5.0
    figures = Measure(models, LABELS).errors(truth, found, camera, SIZE).figures
    assert figures["mpjpe"] == pytest.approx(0.0, abs=1e-9)
    assert "p_mpjpe_12" not in figures


def test_the_root_is_the_pelvis_else_the_hips_else_all() -> None:
    assert root_rows(["nose", "pelvis", "left_hip", "right_hip"]) == [1]
    assert root_rows(["nose", "left_hip", "right_hip"]) == [1, 2]
    assert root_rows(["nose", "left_hip"]) == [0, 1]


def test_figures_of_a_mesh_are_means_over_all_vertices(models: SimpleNamespace) -> None:
    truth, found, camera = person_and_answer(np.zeros(3))
    assert truth.mesh is not None
    off = np.flatnonzero(models.body.joint_regressor[0] == 0)[:1000]
    found.body[off, 0] += 0.1  # the root does not move
    errors = Measure(models, LABELS).errors(truth, found, camera, SIZE)
    share = 1000 / models.body.vertex_count
    assert errors.figures["mve"] == pytest.approx(0.1 * share, rel=1e-3)
    assert errors.figures["mve_abs"] == pytest.approx(0.1 * share, rel=1e-3)
    assert len(errors.doubts["vertices"][0][0]) == models.body.vertex_count


def test_annotated_pixels_are_measured_alone(models: SimpleNamespace) -> None:
    truth, found, camera = person_and_answer(np.zeros(3))
    places = np.full((12, 2), np.nan)
    places[3] = found.pixels[3] + [30, 40]
    truth = replace(truth, pixels=TrueJoints(LABELS, places))
    errors = Measure(models, LABELS).errors(truth, found, camera, SIZE)
    assert errors.figures["error_2d"] == pytest.approx(50 / 400)
    assert "error_2d" not in errors.joints["left_shoulder"]


def test_the_shape_that_was_put_in_is_found(models: SimpleNamespace) -> None:
    betas = torch.zeros(1, 10)
    betas[0, :3] = torch.tensor([1.0, -1.0, 0.5])
    pose = torch.zeros(1, models.body.joint_count, 3)
    posed = models.body_model(pose, betas, torch.zeros(1, 3))
    points = torch.cat([posed.vertices, posed.joints], dim=1)[0].double().numpy()
    found = fitted_betas(models.body_model, points)
    assert found[:3] == pytest.approx([1.0, -1.0, 0.5], abs=0.1)


def test_a_mask_of_another_picture_is_told(models: SimpleNamespace) -> None:
    truth, found, camera = person_and_answer(np.zeros(3))
    truth = replace(truth, mesh=None, mask=lambda: np.ones((10, 20), bool))
    with pytest.raises(BadItem, match="a mask has 20x10 pixels, the picture 480x640"):
        Measure(models, LABELS).errors(truth, found, camera, SIZE)


def test_the_silhouette_of_a_square() -> None:
    camera = Camera.create([[100.0, 0, 50], [0, 100, 50], [0, 0, 1]])
    corners = np.array([[-0.2, -0.2, 1], [0.2, -0.2, 1], [0.2, 0.2, 1], [-0.2, 0.2, 1], [0, 0, -1]])
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 1, 4]])  # the last reaches behind the camera
    mask = silhouette(corners, faces, camera, (100, 90))
    assert mask.shape == (90, 100)
    assert mask[30:71, 30:71].all()
    assert mask.sum() == 41 * 41


def place(x: float) -> np.ndarray:
    return np.array([[x, 0.0], [x, 100.0], [np.nan, np.nan]])


def box(x: float) -> np.ndarray:
    return np.array([x - 20, 0, x + 20, 100])


def test_people_are_paired_at_the_least_sum_of_distances() -> None:
    true, found = [place(100), place(120)], [place(118), place(125), place(400)]
    boxes = [box(100), box(120)]
    assert match(true, boxes, found, [box(118), box(125), box(400)]) == [0, 1]


def test_who_is_too_far_is_somebody_else() -> None:
    assert match([place(100)], [box(100)], [place(131)], [box(131)]) == [None]
    assert match([place(100)], [box(100)], [place(129)], [box(129)]) == [0]
    assert match([place(100)], [box(100)], [], []) == [None]


def test_who_is_found_in_the_right_place_and_localized_badly_was_not_missed() -> None:
    assert match([place(100)], [box(100)], [place(150)], [box(110)]) == [0]
    true, boxes = [place(100), place(112)], [box(100), box(112)]
    assert match(true, boxes, [place(106)], [box(112)]) in ([0, None], [None, 0])
    assert match(true, boxes, [place(160), place(101)], [box(112), box(101)]) == [1, 0]


def test_without_a_camera_people_are_paired_as_an_assumed_one_sees_them() -> None:
    assumed = Camera.create([[300.0, 0, 200], [0, 300, 150], [0, 0, 1]])
    near, far = (np.array([[x, -0.5, 3.0], [x + 0.2, 0.5, 3.0]]) for x in (-1.0, 1.0))
    labels = LABELS[:2]
    people = tuple(TruePerson(joints=TrueJoints(labels, places)) for places in (near, far))
    pixels = [assumed.project(places) + 15 for places in (far, near)]
    boxes = [np.concatenate([rows.min(0), rows.max(0)]) for rows in pixels]
    item = Item("a", lambda: None, people)  # type: ignore[arg-type, return-value]
    assert match_item(item, assumed, labels, pixels, boxes) == [1, 0]
    alone = replace(item, people=people[1:])
    assert match_item(alone, assumed, labels, pixels[::-1], boxes[::-1]) == [1]


def test_boxes_decide_where_no_joint_is_known() -> None:
    unknown = np.full((3, 2), np.nan)
    boxes = [box(100), box(300)]
    assert match([unknown] * 2, boxes, [place(300), place(101)], [box(300), box(101)]) == [1, 0]
    assert match([unknown], [box(100)], [place(130)], [box(130)]) == [None]
    assert match([unknown], [None], [place(9), place(8)], [box(9), box(8)]) == [0]


def test_figures_are_means_over_people_in_millimetres_and_percent() -> None:
    tally = Tally()
    tally.add("a", PersonErrors({"mpjpe": 0.1, "pck_150": 0.5}, {"nose": {"mpjpe": 0.2}}))
    tally.add("b", PersonErrors({"mpjpe": 0.2}, {"nose": {"mpjpe": 0.4}}))
    tally.add("c", None)
    figures = means([person.figures for person in tally.people])
    assert figures["mpjpe"]["mean"] == pytest.approx(150)
    assert figures["mpjpe"]["interval_95"] == pytest.approx([100, 200])
    assert figures["pck_150"] == {"mean": 50.0, "median": 50.0, "unit": "%", "people": 1}
    assert "mve" not in figures
    assert joint_table(tally.people)["nose"]["mpjpe"]["mean"] == pytest.approx(300)
    counts = tally.counts.to_json()
    assert (counts["expected"], counts["found"], counts["missed"]) == (3, 2, 1)
    assert counts["missed_people"] == ["c"]


def test_people_are_told_apart_by_how_much_of_them_is_seen() -> None:
    errors = {0.1: 0.3, 0.2: 0.2, 0.25: 0.1, 0.29: 0.1, 0.45: 0.05, 1.0: 0.07}
    people = [PersonErrors({"mpjpe": error}, seen=seen) for seen, error in errors.items()]
    bands = by_seen([*people, PersonErrors({"mpjpe": 9.0})])
    assert [(band["from"], band["people"]) for band in bands] == [(0.0, 1), (0.2, 3), (0.4, 2)]
    second = bands[1]["metrics"]["mpjpe"]
    assert (second["mean"], second["median"]) == pytest.approx((400 / 3, 100))
    assert by_seen([PersonErrors({"mpjpe": 9.0})]) == []


def test_who_misses_people_pays_for_it() -> None:
    counts = Counts(expected=4, found=3, false=1)
    assert counts.f1 == pytest.approx(0.75)  # precision and recall are 3 / 4
    figures = normalized(means([{"mpjpe": 0.15}]), counts)
    assert figures["nmje"]["mean"] == pytest.approx(200)
    assert "nmve" not in figures
    assert "nmje" not in normalized(means([{"mpjpe": 0.15}]), Counts(expected=2))


def test_uncertainty_is_pooled_over_people() -> None:
    people = [
        PersonErrors(doubts={"joints": [(np.array([0.1, 0.2]), np.array([0.01, 0.02]))]}),
        PersonErrors(doubts={"joints": [(np.array([0.3, 0.4]), np.array([0.03, 0.09]))]}),
    ]
    found = uncertainty(people)["joints"]
    assert found["spearman"] == pytest.approx(1.0)
    assert found["pearson"] == pytest.approx(np.corrcoef([1, 2, 3, 4], [1, 2, 3, 9])[0, 1])
    assert found["mean_stated_mm"] == pytest.approx(250)
    assert uncertainty([PersonErrors(doubts={"joints": [(np.ones(3), np.ones(3))]})]) == {
        "joints": {
            "pearson": None,
            "spearman": None,
            "mean_stated_mm": 1000.0,
            "mean_error_mm": 1000.0,
            "points": 3,
        }
    }
