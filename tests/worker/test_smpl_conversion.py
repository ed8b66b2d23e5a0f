# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions survive the way to another body model, and back."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.sampling import draw_people
from benchmarks.second_body import second_body, shuffled_body
from body_examples import OPEN_BODY, small_body
from scipy import sparse

from nlf_blender.body.body_data import BodyData, load_body_npz, reduced_body_npz
from nlf_blender.body.skeleton import Skeleton
from nlf_blender.errors import UserError
from nlf_blender.worker.command_line import main
from nlf_blender.worker.progress import Progress
from nlf_blender.worker.smpl import conversion
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.body_regions import RegionSurface, joint_regions, shared_regions
from nlf_blender.worker.smpl.conversion import convert, surface_errors
from nlf_blender.worker.smpl.correspondence import (
    Correspondence,
    closest_surface_correspondence,
    load_correspondence,
)
from nlf_blender.worker.smpl.fitting import Fit
from nlf_blender.worker.smpl.joint_matching import (
    SMPLH_SKELETON,
    SMPLX_SKELETON,
    plain_name,
    same_joints,
)

FRAMES = 6
Motion = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Pair:
    """The open body, another, and where the vertices of each lie on the other."""

    model: BodyModel
    other: BodyModel
    there: Correspondence
    back: Correspondence


def pair_of(body: BodyData, other: BodyData) -> Pair:
    """Both bodies, aligned both ways."""
    first, second = BodyModel(body), BodyModel(other)
    return Pair(
        first,
        second,
        closest_surface_correspondence(first, other),
        closest_surface_correspondence(second, body),
    )


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    """Measuring needs none."""
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def body() -> BodyData:
    return load_body_npz(OPEN_BODY)


@pytest.fixture(scope="module")
def second(body: BodyData) -> Pair:
    return pair_of(body, second_body(body))


@pytest.fixture(scope="module")
def shuffled(body: BodyData) -> Pair:
    return pair_of(body, shuffled_body(body))


def motion_of(model: BodyModel, frames: int = FRAMES, seed: int = 3) -> Motion:
    """Random poses and shapes of a body."""
    return tuple(draw_people(model, frames, seed).truth)


def millimetres(model: BodyModel, motion: Motion, found: Fit) -> torch.Tensor:
    """Distances [T,V] between the vertices of a motion and of a fit of the same body."""
    posed = (
        model(*item).vertices for item in (motion, (found.pose, found.betas, found.translation))
    )
    first, last = posed
    return 1000 * (first - last).norm(dim=-1)


def test_the_same_body_with_other_vertices_comes_back_as_it_was(shuffled: Pair) -> None:
    assert shuffled.there.confidence.min() > 0.999
    motion = motion_of(shuffled.model)
    found = convert(*motion, shuffled.model, shuffled.other, shuffled.there)
    # it is the same body: the parameters themselves must be those that went in
    posed = shuffled.other(found.pose, found.betas, found.translation)
    torch.testing.assert_close(posed.joints, shuffled.model(*motion).joints, atol=3e-4, rtol=0)
    torch.testing.assert_close(found.betas, motion[1], atol=0.05, rtol=0)
    back = convert(
        found.pose, found.betas, found.translation, shuffled.other, shuffled.model, shuffled.back
    )
    assert millimetres(shuffled.model, motion, back).mean() < 0.1
    assert millimetres(shuffled.model, motion, back).max() < 3


def test_a_body_that_is_other_in_everything(second: Pair) -> None:
    motion = motion_of(second.model, 16)
    found = convert(*motion, second.model, second.other, second.there)
    mean, worst = surface_errors(*motion, second.model, second.other, second.there, found)
    assert mean.mean() < 4e-3
    assert (worst >= mean).all() and worst.max() < 0.1, "its hands cannot bend"
    back = convert(
        found.pose, found.betas, found.translation, second.other, second.model, second.back
    )
    assert millimetres(second.model, motion, back).mean() < 4.5


def test_a_motion_of_the_simpler_body_comes_back(second: Pair) -> None:
    motion = motion_of(second.other, 16)
    found = convert(*motion, second.other, second.model, second.back)
    back = convert(
        found.pose, found.betas, found.translation, second.model, second.other, second.there
    )
    assert millimetres(second.other, motion, back).mean() < 3.5


def test_each_vertex_finds_its_place_and_only_if_it_has_one(second: Pair, body: BodyData) -> None:
    part = np.array(body.part_names)[body.vertex_part]
    confidence = second.back.confidence
    for lacking in ("tongue", "left_eye", "right_eye"):  # the second body has none
        assert not confidence[part == lacking].any()
    # its vertices are too few to tell toes and fingers apart; the limbs are all there
    limbs = np.array([name.endswith(("thigh", "shin", "arm", "torso")) for name in part])
    assert (confidence[limbs] > 0.5).mean() > 0.99
    sums = np.asarray(second.back.matrix.sum(axis=1)).ravel()
    np.testing.assert_allclose(sums, 1, atol=1e-12)
    # a vertex lands on the part that it is of: left on left, thigh on thigh
    regions = shared_regions(second.other.body, body)
    heaviest = np.asarray(second.back.matrix.argmax(axis=1)).ravel()
    of_source = regions.of_vertex[0][heaviest][limbs]
    assert (of_source == regions.of_vertex[1][limbs]).mean() > 0.85
    assert regions.touching[of_source, regions.of_vertex[1][limbs]].mean() > 0.999


def test_canonical_points_align_bodies_whose_rest_poses_differ_wildly(body: BodyData) -> None:
    other = shuffled_body(body)
    place = sparse.csr_matrix(closest_surface_correspondence(BodyModel(body), other).matrix)
    canonical = replace(
        other,
        canonical_vertices=place @ body.canonical_vertices,
        canonical_joints=body.canonical_joints,
        v_template=other.v_template[:, [1, 2, 0]] + 5,  # no person, as far as joints can tell
    )
    found = closest_surface_correspondence(BodyModel(body), canonical)
    distances = np.linalg.norm((found.matrix - place) @ body.v_template, axis=1)
    assert np.percentile(distances, 99) < 1e-3


def test_frames_share_one_shape_in_any_number(
    second: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pose, betas, translation = motion_of(second.model, 11)
    groups = torch.tensor([0, 7] * 5 + [7])
    betas = betas[groups // 7]
    arguments = (pose, betas, translation, second.model, second.other, second.there)
    at_once = convert(*arguments, shape_groups=groups)
    monkeypatch.setattr(conversion, "FRAMES_AT_ONCE", 4)
    monkeypatch.setattr(conversion, "FRAMES_FOR_SHAPE", 5)
    steps = []
    progress = Progress(listener=lambda stage, done, *_: steps.append((stage, done)))
    in_parts = convert(*arguments, progress=progress, shape_groups=groups)
    assert ("convert", 8) in steps and steps[-1] == ("convert", 11)
    for found in (at_once, in_parts):
        assert len(found.pose) == 11
        for group in (0, 7):
            own = found.betas[groups == group]
            torch.testing.assert_close(own, own[:1].expand_as(own), atol=1e-6, rtol=0)
        assert (found.betas[0] - found.betas[1]).abs().max() > 0.1
    torch.testing.assert_close(in_parts.betas, at_once.betas, atol=0.15, rtol=0)
    each = convert(*arguments)
    assert (each.betas[0] - each.betas[2]).abs().max() > 1e-4, "each frame has its own shape"


def test_the_published_file_gives_what_its_matrix_says(second: Pair, tmp_path: Path) -> None:
    path = write_published(tmp_path / "open2second_deftrafo_setup.pkl", second.there.matrix)
    published = load_correspondence(path, second.model.body, second.other.body)
    assert abs(published.matrix - second.there.matrix).max() < 1e-12
    own = Correspondence(second.there.matrix, published.confidence)
    motion = motion_of(second.model, 2)
    results = [convert(*motion, second.model, second.other, which) for which in (own, published)]
    torch.testing.assert_close(results[0].pose, results[1].pose, atol=1e-6, rtol=0)
    dense = tmp_path / "dense.pkl"
    few = small_body()
    matrix = np.eye(few.vertex_count)
    matrix[3] = 0  # a vertex without a counterpart
    dense.write_bytes(pickle.dumps({"matrix": matrix}))
    found = load_correspondence(dense, few, few)
    assert found.confidence[3] == 0 and found.confidence.sum() == few.vertex_count - 1


def write_published(path: Path, matrix: sparse.csr_matrix) -> Path:
    """A file laid out as the SMPL-X project's: columns for vertices, then as many for normals."""
    wide = sparse.hstack([matrix, 0.1 * matrix]).tocsc()
    path.write_bytes(pickle.dumps({"mtx": wide, "valid_pixels": np.arange(3)}, protocol=2))
    return path


def test_published_files_of_other_bodies_are_refused(tmp_path: Path) -> None:
    few = small_body()
    contents = {
        "other bodies": {"mtx": sparse.identity(7, format="csr")},
        "Not a correspondence": {"weights": np.zeros((3, 3))},
        "no row": {"mtx": 3 * sparse.identity(few.vertex_count, format="csr")},
        "not finite": {"mtx": np.full((few.vertex_count,) * 2, np.nan)},
        "refused": {"mtx": Path("x")},
    }
    for message, content in contents.items():
        path = tmp_path / "file.pkl"
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(UserError, match=message):
            load_correspondence(path, few, few)


def test_bodies_that_nothing_connects_are_refused(body: BodyData) -> None:
    with pytest.raises(UserError, match="joint names"):
        closest_surface_correspondence(BodyModel(body), small_body())
    centimetres = replace(
        body,
        v_template=body.v_template * 100,
        joints_template=body.joints_template * 100,
        canonical_vertices=None,
    )
    with pytest.raises(UserError, match="metres"):
        closest_surface_correspondence(BodyModel(body), centimetres)


def test_wrong_shapes_are_refused(second: Pair) -> None:
    pose, betas, translation = motion_of(second.model, 2)
    bodies = second.model, second.other, second.there
    for wrong in (
        (pose[:, :5], betas, translation),
        (pose, betas[:1], translation),
        (pose, torch.zeros(2, 99), translation),
        (pose, betas, translation[:, :2]),
    ):
        with pytest.raises(ValueError, match="of shape"):
            convert(*wrong, *bodies)
    with pytest.raises(ValueError, match="correspondence of shape"):
        convert(pose, betas, translation, second.model, second.other, second.back)
    with pytest.raises(ValueError, match="shape groups"):
        convert(pose, betas, translation, *bodies, shape_groups=torch.zeros(3))


def test_names_of_joints_agree_however_they_are_written() -> None:
    names = ("L_Hip", "left_hip", "hip.L", "Hip_l", "l_hip", "m_avg_L_Hip")
    assert {plain_name(name) for name in names} == {("left", "hip")}
    assert plain_name("left_index1") == plain_name("L_Index1") != plain_name("R_Index1")
    assert plain_name("left_eye_smplhf") == ("left", "eye")
    assert plain_name("Spine1") == ("", "spine1") and plain_name("L") == ("", "l")


def test_smplh_and_smplx_are_known_by_their_trees(body: BodyData) -> None:
    assert (SMPLH_SKELETON.joint_count, SMPLX_SKELETON.joint_count) == (52, 55)
    numbered = Skeleton(tuple(f"Joint_{j:02d}" for j in range(55)), SMPLX_SKELETON.parents)
    pairs = same_joints(numbered, SMPLH_SKELETON)
    assert len(pairs) == 52 and (25, 22) in pairs and (54, 51) in pairs
    assert len(same_joints(body.skeleton, numbered)) == 22  # all but SMPL's hands
    unknown = Skeleton(("Joint_00", "Joint_01", "Joint_02"), (-1, 0, 0))
    assert same_joints(unknown, unknown) == []


def test_regions_follow_the_nearest_common_joint(body: BodyData) -> None:
    chain = Skeleton(("a", "b", "c", "d"), (-1, 0, 1, 2))
    np.testing.assert_array_equal(joint_regions(chain, np.array([1, 3])), [0, 0, 0, 1])
    # a point just outside the left thigh, said to be of the right: found on the right one
    regions = shared_regions(body, body)
    hip = {side: body.skeleton.index(f"{side}_Hip") for side in "LR"}
    surface = RegionSurface(body.v_template, body.faces, regions.of_vertex[0], regions.touching)
    point = body.joints_template[[body.skeleton.index("L_Knee")]] * [1, 0.8, 1]
    own, other = (surface.query(point, np.array([hip[side]])).positions[0, 0] for side in "LR")
    assert own > 0 > other


def test_the_command(second: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "second.npz"
    other.write_bytes(reduced_body_npz(second.other.body))
    pose, betas, translation = (item.numpy() for item in motion_of(second.model, 3))
    motion = tmp_path / "motion.npz"
    arrays = {"poses": pose.reshape(3, -1), "trans": translation, "gender": np.array("female")}
    np.savez(motion, betas=betas[0], mocap_framerate=120.0, **arrays)
    words = ["convert", str(motion), "--from", "open", "--to", str(other), "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "shared.npz")]) == 0
    assert "surfaces: mean" in capsys.readouterr().out
    matrix = write_published(tmp_path / "file.pkl", second.there.matrix)
    words += ["--correspondence", str(matrix), "--shape", "per-frame", "--betas", "4"]
    assert main([*words, "--out", str(tmp_path / "new" / "each.npz")]) == 0
    with np.load(tmp_path / "shared.npz") as shared, np.load(tmp_path / "new/each.npz") as each:
        assert shared["poses"].shape == (3, 72) and shared["betas"].shape == (10,)
        assert each["betas"].shape == (3, 4)
        assert str(shared["gender"]) == "female" and float(shared["mocap_framerate"]) == 120
        assert shared["surface_error"].max() < 0.01
        posed = second.other(
            torch.tensor(shared["poses"]).reshape(3, -1, 3),
            torch.tensor(shared["betas"]).expand(3, -1),
            torch.tensor(shared["trans"]),
        )
        source = second.model(*map(torch.tensor, (pose, betas[:1].repeat(3, 0), translation)))
        assert (posed.joints[:, 0] - source.joints[:, 0]).norm(dim=-1).max() < 0.02


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poses": np.zeros((3, 66))}, "22 joints"),
        ({"poses": None}, "poses is missing"),
        ({"trans": np.zeros((2, 3))}, "trans has shape"),
        ({"betas": np.ones(300)}, "300 shape components"),
        ({"trans": np.full((3, 3), np.nan)}, "not finite"),
    ],
)
def test_motions_of_other_bodies_are_refused(
    change: dict, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = {"poses": np.zeros((3, 72)), "betas": np.zeros(10), "trans": np.zeros((3, 3))}
    arrays = {key: array for key, array in (arrays | change).items() if array is not None}
    motion, out = tmp_path / "motion.npz", tmp_path / "out.npz"
    np.savez(motion, **arrays)
    words = ["convert", str(motion), "--from", "open", "--to", "open", "--out", str(out)]
    assert main([*words, "--device", "cpu"]) == 1
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_missing_files_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "out.npz"), "--device", "cpu"]
    assert main(["convert", "none.npz", "--from", "open", "--to", "open", *out]) == 1
    assert "Motion file not found" in capsys.readouterr().err
    assert main(["convert", "none.npz", "--from", "open", "--to", "none.npz", *out]) == 1
    assert "Body file not found" in capsys.readouterr().err
