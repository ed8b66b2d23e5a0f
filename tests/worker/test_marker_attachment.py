# SPDX-License-Identifier: GPL-3.0-or-later
"""Points that go with a body, and sets of another body."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.errors import UserError
from nlf_blender.protocol.point_set import MARKERS, PointSet
from nlf_blender.worker.assets import OPEN_BODY
from nlf_blender.worker.markers.attachment import attach, attached_body
from nlf_blender.worker.markers.attachment_file import read_attachment, write_attachment
from nlf_blender.worker.markers.placing import FAR, body_kind, place_points
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.canonical.own_canonical import own_canonical
from nlf_blender.worker.smpl.canonical.placement import CanonicalPlacement
from nlf_blender.worker.smpl.surface_normals import vertex_normals

BODY = load_body_npz(OPEN_BODY)
OWN = own_canonical(BODY)
PLACED = CanonicalPlacement(OWN.points, OWN, "as it is", {})
PEOPLE = 3


def posed(body: BodyModel, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [P,V,3] and joints [P,J,3] of some people."""
    generator = torch.Generator().manual_seed(seed)
    pose = torch.randn(PEOPLE, BODY.joint_count, 3, generator=generator) * 0.3
    betas = torch.randn(PEOPLE, 10, generator=generator)
    result = body(pose, betas, torch.zeros(PEOPLE, 3))
    return result.vertices.numpy(), result.joints.numpy()


def attached(points: np.ndarray) -> np.ndarray:
    """Attached points of the same people [P,K,3]."""
    return posed(BodyModel(attached_body(BODY, attach(OWN, points))))[0]


@pytest.fixture(scope="module")
def truth() -> tuple[np.ndarray, np.ndarray]:
    return posed(BodyModel(replace(BODY, posedirs=None)))


def test_vertices_and_joints_go_with_themselves(truth: tuple[np.ndarray, np.ndarray]) -> None:
    chosen = np.arange(0, BODY.vertex_count, 501)
    found = attached(np.concatenate([OWN.vertices[chosen], OWN.joints]))
    np.testing.assert_allclose(found[:, : len(chosen)], truth[0][:, chosen], atol=1e-5)
    np.testing.assert_allclose(found[:, len(chosen) :], truth[1], atol=1e-5)


def test_what_stands_off_the_skin_keeps_its_distance(
    truth: tuple[np.ndarray, np.ndarray],
) -> None:
    limbs = [i for i, name in enumerate(BODY.part_names) if "thigh" in name or "forearm" in name]
    rigid = (BODY.weights.max(axis=1) > 0.98) & np.isin(BODY.vertex_part, limbs)
    chosen = np.flatnonzero(rigid)[::7]
    assert len(chosen) > 20
    normals = vertex_normals(OWN.vertices, BODY.faces)[chosen]
    found = attached(OWN.vertices[chosen] + 0.02 * normals)
    above = attach(OWN, OWN.vertices[chosen] + 0.02 * normals).above
    distance = np.linalg.norm(found - truth[0][:, chosen], axis=-1)
    assert (above > 0.01).mean() > 0.9  # some skins are nearer to another part's
    usual = np.abs(above - 0.02) < 1e-4
    assert np.median(np.abs(distance[:, usual] - 0.02)) < 1e-5
    assert np.abs(distance[:, usual] - 0.02).max() < 0.003  # where the skin bends


def test_points_inside_stay_between_their_sides(truth: tuple[np.ndarray, np.ndarray]) -> None:
    names = BODY.skeleton.joint_names
    for child, parent in (("L_Knee", "L_Hip"), ("R_Elbow", "R_Shoulder")):
        pair = [names.index(child), names.index(parent)]
        middle = OWN.joints[pair].mean(axis=0)[None]
        assert attach(OWN, middle).above[0] < -0.02
        error = np.linalg.norm(attached(middle)[:, 0] - truth[1][:, pair].mean(axis=1), axis=-1)
        assert error.max() < 0.03


def test_mirrored_points_have_mirrored_attachments() -> None:
    generator = np.random.default_rng(3)
    points = OWN.vertices[generator.integers(0, BODY.vertex_count, 60)]
    points = points * (1 + generator.normal(size=(60, 1)) * 0.05)
    points[np.abs(points[:, 0]) < 1e-3] += (0.01, 0, 0)
    left, right = attach(OWN, points), attach(OWN, points * [-1, 1, 1])
    mirror = OWN.mirror_points
    assert mirror is not None
    np.testing.assert_array_equal(mirror[left.index], right.index)
    np.testing.assert_array_equal(left.share, right.share)
    np.testing.assert_array_equal(left.offset * [-1, 1, 1], right.offset)


def point_set(points: np.ndarray, body: str = "open", *, force: bool = False) -> PointSet:
    names = tuple(f"m{i}" for i in range(len(points)))
    return PointSet("Set", MARKERS, body, points, names, names, force=force)


def test_far_points_are_left_out_unless_forced() -> None:
    points = OWN.vertices[:3] + np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1.0]])
    placed = place_points(point_set(points), PLACED, "open", lambda *_: None)
    assert placed.wanted.tolist() == [True, True, False]
    assert placed.attachment.above[2] > FAR
    assert "m2" in placed.notes[0] and "not localized" in placed.notes[0]
    forced = place_points(point_set(points, force=True), PLACED, "open", lambda *_: None)
    assert forced.wanted.all() and "guesses" in forced.notes[0]


@pytest.mark.parametrize(("metres", "wanted"), [(0.14, True), (0.16, False)])
def test_far_is_more_than_15_cm(metres: float, wanted: bool) -> None:
    crown = OWN.vertices[OWN.vertices[:, 1].argmax()]
    placed = place_points(point_set(crown[None] + (0.0, metres, 0.0)), PLACED, "open", {}.get)
    assert placed.wanted.tolist() == [wanted]


def test_set_of_another_body_is_carried_over_or_refused() -> None:
    own = OWN.points + np.array([0.0, 0.1, 0.0])  # as if it stood elsewhere
    other = CanonicalPlacement(
        OWN.points, type(OWN)(BODY, own[:-24], own[-24:], None, True), "", {}
    )
    points = own[::1000]
    placed = place_points(point_set(points, "smpl"), PLACED, "open", lambda *_: other)
    np.testing.assert_allclose(placed.points, OWN.points[::1000], atol=1e-9)
    assert placed.wanted.all() and "carried over" in placed.notes[0]
    with pytest.raises(UserError, match="placed on the canonical body 'smpl'"):
        place_points(point_set(points, "smpl"), PLACED, "open", lambda *_: None)


def test_sets_of_another_body_are_attached_where_they_are_on_the_fitted_one() -> None:
    """In a model whose space is not the fitted body's own."""
    moved, away = OWN.points * 1.1 + (0.0, 0.4, 0.0), np.array([0.0, 0.0, 3.0])
    fitted = CanonicalPlacement(moved, OWN, "carried", {})
    chosen = np.arange(0, BODY.vertex_count, 2_003)
    own = point_set(OWN.vertices[chosen] + away, "smpl")
    theirs = replace(OWN, vertices=OWN.vertices + away, joints=OWN.joints + away)
    other = CanonicalPlacement(moved, theirs, "their own", {})
    found = place_points(own, fitted, "open", {"smpl": other}.get)
    np.testing.assert_allclose(found.points, moved[chosen], atol=1e-6)
    here = attach(OWN, OWN.vertices[chosen])
    np.testing.assert_allclose(found.attachment.above, here.above, atol=1e-6)
    body = attached_body(BODY, found.attachment)
    np.testing.assert_allclose(body.v_template, BODY.v_template[chosen], atol=1e-6)
    assert found.wanted.all()


def test_bodies_are_known_by_their_content() -> None:
    assert body_kind(BODY, BODY.sha256) == "open"
    assert body_kind(BODY, "another") == ""


def test_attachments_are_kept(tmp_path: Path) -> None:
    attachment = attach(OWN, OWN.points[::3000] * 1.02)
    write_attachment(tmp_path, attachment)
    found = read_attachment(tmp_path, BODY)
    for name in ("index", "share", "offset", "above"):
        assert np.array_equal(getattr(found, name), getattr(attachment, name))
    for wrong in (
        {"index": attachment.index + len(OWN.points)},
        {"share": 2 * attachment.share},
        {"offset": attachment.offset * np.nan},
        {"above": attachment.above[1:]},
    ):
        write_attachment(tmp_path, replace(attachment, **wrong))
        with pytest.raises(UserError, match=r"attachment\.npz"):
            read_attachment(tmp_path, BODY)
