# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs solved from their own localized points, against truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.kinematics import global_transforms
from nlf_blender.body.rotations import matrix_from_rotvec, rotvec_from_matrix
from nlf_blender.protocol.motion_files import read_rig
from nlf_blender.protocol.point_set import RIG, PointSet, RigInfo
from nlf_blender.protocol.take_sets import RIG_FILE
from nlf_blender.worker.assets import OPEN_BODY
from nlf_blender.worker.markers.attachment import attach
from nlf_blender.worker.rigs.fit_photo import write_photo_rig
from nlf_blender.worker.rigs.fit_rig import RigFit, fit_rig_motion
from nlf_blender.worker.rigs.personal_rest import PersonalRests, unchanged
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.canonical.own_canonical import own_canonical
from nlf_blender.worker.smpl.fitting.fit import FitSettings, fit

BODY = load_body_npz(OPEN_BODY)
OWN = own_canonical(BODY)
FRAMES = 70  # two blocks
SKIN = 600


def made_up_rig(seed: int = 0) -> PointSet:
    """A rig of bones with two roots, a held joint in the middle of a limb, and joints and points of
    its own: the joints of no body."""
    rng = np.random.default_rng(seed)
    names = ("hips", "back", "arm", "brace", "hand", "leg", "shin", "strap")
    parents = np.array([-1, 0, 1, 2, 3, 0, 5, -1])
    joints = np.cumsum(rng.normal(0, 0.2, (len(names), 3)), axis=0)
    held = np.array([name == "brace" for name in names])
    owner = rng.integers(0, len(names), SKIN)
    skin = joints[owner] + rng.normal(0, 0.06, (SKIN, 3))
    weights = (
        0.8 * np.eye(len(names))[owner] + 0.2 * np.eye(len(names))[np.maximum(parents, 0)][owner]
    )
    rig = RigInfo(
        names,
        parents,
        joints,
        np.concatenate([np.eye(len(names)), weights]).astype(np.float32),
        held,
    )
    return PointSet("made up", RIG, "open", np.concatenate([joints, skin]), rig=rig)


def posed_rig(
    points: PointSet, pose: np.ndarray, root: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points [T,K,3] of a rig whose second root goes with the first, and turns in space [T,J,3,3].
    pose [T,J,3]; root [T,3]: where the first joint is."""
    rig = points.rig
    assert rig is not None
    parents = (-1, *np.maximum(rig.parents[1:], 0).tolist())
    joints = rig.joints * scale
    placed = global_transforms(matrix_from_rotvec(pose), joints, parents, root - joints[0])
    turns, places = placed[..., :3, :3], placed[..., :3, 3]
    offsets = points.points[:, None] * scale - joints
    carried = np.einsum("tjab,kjb->tkja", turns, offsets) + places[:, None]
    return np.einsum("kj,tkja->tka", rig.weights, carried), turns


def degrees_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.degrees(np.linalg.norm(rotvec_from_matrix(first.swapaxes(-1, -2) @ second), axis=-1))


def turns_in_space(points: PointSet, found: RigFit) -> np.ndarray:
    assert points.rig is not None
    parents, turns = points.rig.parents, matrix_from_rotvec(found.pose)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            turns[:, joint] = turns[:, parent] @ turns[:, joint]
    return turns


@pytest.fixture(scope="module")
def motion() -> tuple[PointSet, np.ndarray, np.ndarray, np.ndarray]:
    """A made-up rig in motion: points, turns in space and root."""
    points, rng = made_up_rig(), np.random.default_rng(1)
    assert points.rig is not None
    pose = rng.normal(0, 0.5, (FRAMES, len(points.rig.joints), 3))
    pose[:, points.rig.held] = 0.0
    root = rng.normal((0.0, 0.0, 4.0), 1.0, (FRAMES, 3))
    places, turns = posed_rig(points, pose, root, 1.2)
    return points, places, turns, root


def test_clean_points_give_the_motion_back(
    motion: tuple[PointSet, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    points, places, turns, root = motion
    found = fit_rig_motion(points, unchanged(points), places, np.full(places.shape[:2], 0.005))
    assert degrees_between(turns_in_space(points, found), turns).max() < 0.2
    np.testing.assert_allclose(found.root, root, atol=5e-4)
    np.testing.assert_allclose(found.scale, 1.2, rtol=1e-3)
    assert (found.error < 1e-3).all()
    assert points.rig is not None
    assert not found.pose[:, points.rig.held].any()
    assert not found.turn_sigma[:, points.rig.held].any()


def test_noise_and_missing_points(
    motion: tuple[PointSet, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    points, places, turns, _ = motion
    rng = np.random.default_rng(2)
    seen = places + rng.normal(0, 0.01, places.shape)
    doubt = np.full(places.shape[:2], 0.01)
    seen[:, ::7], doubt[:, ::7] = np.nan, np.nan  # never localized
    seen[:, 1::7] += rng.normal(0, 0.2, (FRAMES, 1, 3))  # filled in, and nowhere near
    doubt[:, 1::7] = np.nan
    found = fit_rig_motion(points, unchanged(points), seen, doubt)
    assert degrees_between(turns_in_space(points, found), turns).mean() < 3.0
    np.testing.assert_allclose(found.scale, 1.2, rtol=0.02)


def test_a_frame_without_a_point_is_finite(
    motion: tuple[PointSet, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    points, places, turns, _ = motion
    seen = places[:3].copy()
    seen[1] = np.nan
    found = fit_rig_motion(points, unchanged(points), seen, np.full(seen.shape[:2], 0.01))
    assert np.isnan(found.error[1]) and np.isfinite(found.error[[0, 2]]).all()
    for values in (found.pose, found.root, found.scale, found.turn_sigma):
        assert np.isfinite(values).all()
    assert degrees_between(turns_in_space(points, found)[2], turns[2]).max() < 0.2


@pytest.mark.parametrize("betas", [(2.0, 0.0, 0.0), (-2.0, 0.0, 0.0), (0.0, 2.0, -2.0)])
def test_other_proportions_do_not_bend_the_joints(betas: tuple[float, float, float]) -> None:
    """A rig with the open body's joints and skin in another person, who is turned all over."""
    rng, model = np.random.default_rng(3), BodyModel(replace(BODY, posedirs=None))
    chosen = np.sort(rng.choice(BODY.vertex_count, SKIN, replace=False))
    weights = np.concatenate([np.eye(BODY.joint_count), BODY.weights[chosen]]).astype(np.float32)
    rig = RigInfo(
        tuple(f"b.{number}" for number in range(BODY.joint_count)),
        np.array(BODY.skeleton.parents),
        OWN.joints,
        weights,
        np.zeros(BODY.joint_count, dtype=bool),
    )
    points = PointSet(
        "own", RIG, "open", np.concatenate([OWN.joints, OWN.vertices[chosen]]), rig=rig
    )
    canonical = _canonical_turns(model)
    pose = canonical + rng.normal(0, 0.2, (16, BODY.joint_count, 3))
    shape = torch.tensor(betas).expand(len(pose), -1)
    posed = model(torch.from_numpy(pose).float(), shape, torch.zeros(len(pose), 3))
    places = torch.cat([posed.joints, posed.vertices[:, chosen]], 1).numpy()
    attachment = attach(OWN, points.points)
    doubt = np.full(places.shape[:2], 0.005)
    turned = _turns(pose) @ _turns(canonical[None]).swapaxes(-1, -2)
    rest = PersonalRests(points, BodyModel(BODY), attachment).of(np.array(betas))
    found = fit_rig_motion(points, rest, places, doubt)
    off = degrees_between(turns_in_space(points, found), turned)
    plain = fit_rig_motion(points, unchanged(points), places, doubt)
    off_plain = degrees_between(turns_in_space(points, plain), turned)
    assert off.mean() < 1.5  # what skinning from another pose leaves
    assert off.mean() < 0.6 * off_plain.mean()
    np.testing.assert_allclose(found.scale, plain.scale, rtol=0.02)


def _canonical_turns(model: BodyModel) -> np.ndarray:
    vertices = torch.from_numpy(OWN.vertices).float()[None]
    return fit(vertices, model, settings=FitSettings(beta_count=3)).pose[0].numpy()


def _turns(pose: np.ndarray) -> np.ndarray:
    placed = global_transforms(
        matrix_from_rotvec(pose), BODY.joints_template, BODY.skeleton.parents, np.zeros(3)
    )
    return placed[..., :3, :3]


def test_people_in_photos_have_sizes_of_their_own(tmp_path: Path) -> None:
    points, rng = made_up_rig(), np.random.default_rng(4)
    assert points.rig is not None
    pose = rng.normal(0, 0.5, (2, len(points.rig.joints), 3))
    pose[:, points.rig.held] = 0.0
    root = np.array([(0.0, 0.0, 3.0), (1.0, 0.0, 5.0)])
    places = [
        posed_rig(points, pose[row : row + 1], root[row : row + 1], scale)[0]
        for row, scale in ((0, 0.9), (1, 1.3))
    ]
    localized = {
        "points": np.concatenate(places).astype(np.float32),
        "uncertainty": np.full((2, len(points.points)), 0.01, dtype=np.float32),
    }
    rows = {"frame": np.array([0, 0]), "timestamp": np.zeros(2), "betas": np.zeros((2, 10))}
    body = BodyModel(BODY)
    write_photo_rig(tmp_path, points, body, attach(OWN, points.points), rows, localized)
    found = read_rig(tmp_path / RIG_FILE)
    np.testing.assert_allclose(found["scale"], (0.9, 1.3), rtol=1e-3)
    np.testing.assert_allclose(found["root"], root, atol=1e-3)
