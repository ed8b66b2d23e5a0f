# SPDX-License-Identifier: GPL-3.0-or-later
"""Official crop checkpoints: what loads, from where comes what they lack, and how it is saved."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from official_files import (
    DATA_FILES,
    LARGE,
    SMALL,
    crop_tensors,
    small_file,
    symmetric_points,
    write_data_files,
)
from torch import Tensor

from nlf_blender.errors import UserError
from nlf_blender.protocol.files import file_sha256
from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.crops import CropSpec
from nlf_blender.worker.nlf.localizer import Localizer
from nlf_blender.worker.nlf.model import LocalizerModel
from nlf_blender.worker.nlf.native_writer import save_native
from nlf_blender.worker.nlf.official.locations import learnt_locations

ASSETS = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets"
WEIGHT = "backbone.1.3.0.block.0.0.weight"
BIAS = "heatmap_head.weight_field.pred_mlp.2.bias"


def load(path: Path, data: Path | None = None) -> LocalizerModel:
    return load_localizer(str(path), "cpu", ASSETS, data)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_files(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "nlf_s_crop.pt"
    torch.save(crop_tensors(SMALL), path)
    return path


@pytest.fixture(scope="module")
def model(file: Path, data: Path) -> LocalizerModel:
    return load(file, data)


def outputs(model: LocalizerModel) -> tuple[Tensor, ...]:
    """What a model makes of a random image."""
    random = torch.Generator().manual_seed(3)
    images = torch.rand((1, 3, 256, 256), generator=random)
    points = torch.rand((7, 3), generator=random) - 0.5
    with torch.inference_mode():
        features = model.features(images)
        output = model.heatmap_head(features, model.heatmap_head.point_weights(points).codes)
    return features, output.points_2d, output.points_3d, output.uncertainty


def same(first: LocalizerModel, second: LocalizerModel) -> bool:
    """Whether two models have the same values, bit by bit."""
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


def test_a_checkpoint_is_the_native_model(model: LocalizerModel, file: Path) -> None:
    stored = torch.load(file, weights_only=True)
    loaded = model.state_dict()
    assert all(torch.equal(loaded[n], v) for n, v in stored.items() if not n.startswith("canon"))
    assert (model.info.name, model.info.sha256) == ("nlf_s_crop", file_sha256(file))
    assert model.info.license == "non-commercial research only (NLF release)"
    assert (model.style.linear_light, model.style.gamma_range) == (True, (0.6, 1.0))
    assert not model.style.aligned
    assert model.heatmap_head.crop_side == model.backbone.crop_side == 256
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.isfinite(part).all() for part in outputs(model))


def test_the_data_files_complete_it(model: LocalizerModel, data: Path, file: Path) -> None:
    nodes, eigenvalues, start, vertices, joints = (np.load(data / name) for name in DATA_FILES)
    field = model.heatmap_head.weight_field
    low, high = nodes.min(axis=0), nodes.max(axis=0)
    np.testing.assert_allclose(field.gps_net.mini, low, rtol=1e-6)
    np.testing.assert_allclose(field.gps_net.maxi, high, rtol=1e-6)
    np.testing.assert_allclose(field.gps_net.center, (low + high) / 2, atol=1e-6)
    np.testing.assert_allclose(field.r_sqrt_eigva, eigenvalues[1:] ** -0.5, rtol=1e-6)
    body = model.canonical.bodies["smpl"]
    assert model.canonical.name == "smpl"
    assert body.whole
    assert np.array_equal(body.vertices, vertices)
    assert np.array_equal(body.joints, joints)
    stored = torch.load(file, weights_only=True)
    moves = stored["canonical_lefts"].numpy(), stored["canonical_centers"].numpy()
    assert np.array_equal(model.canonical.locations, learnt_locations(start, *moves))


def test_moves_are_mirrored() -> None:
    start = symmetric_points(4)
    left, middle = np.flatnonzero(start[:, 0] > 0), np.flatnonzero(start[:, 0] == 0)
    random = np.random.default_rng(1)
    lefts, centers = random.normal(size=(len(left), 3)), random.normal(size=(len(middle), 2))
    moves = learnt_locations(start, lefts, centers) - start
    np.testing.assert_allclose(moves[left], lefts)
    np.testing.assert_allclose(moves[middle], np.column_stack([np.zeros(len(middle)), centers]))
    for index in left:
        partner = np.flatnonzero((start == start[index] * np.float32([-1, 1, 1])).all(axis=1))
        np.testing.assert_allclose(moves[partner[0]], moves[index] * [-1, 1, 1])
    still = learnt_locations(start, lefts, centers, np.zeros(len(start)))
    assert np.array_equal(still, start)
    with pytest.raises(ValueError, match="mirror"):
        learnt_locations(start + np.float32([0, 1, 0]) * (start[:, :1] > 0), lefts, centers)
    with pytest.raises(ValueError, match="do not suit"):
        learnt_locations(start, lefts[1:], centers)


def test_coinciding_points_are_paired_in_order() -> None:
    start = np.array([[1.0, 0, 0], [1, 0, 0], [-1, 0, 0], [-1, 0, 0]])
    moves = learnt_locations(start, [[0, 1, 0], [0, 2, 0]], np.zeros((0, 2))) - start
    assert moves[:, 1].tolist() == [1, 2, 1, 2]


def test_nested_weights_load_and_other_entries_do_not_matter(
    tmp_path: Path, file: Path, data: Path, model: LocalizerModel
) -> None:
    path = tmp_path / "checkpoint.pth"
    weights = torch.load(file, weights_only=True)
    torch.save({"model_state_dict": weights, "epoch": 3, "optimizer": {"lr": [0.1]}}, path)
    assert same(load(path, data), model)


def test_half_precision_weights_load_as_single(tmp_path: Path, data: Path) -> None:
    def halve(tensors: dict[str, Tensor]) -> None:
        tensors.update({n: v.half() for n, v in tensors.items() if v.is_floating_point()})

    model = load(small_file(tmp_path, halve), data)
    kinds = {value.dtype for value in model.state_dict().values()}
    assert kinds == {torch.float32, torch.int64}


def test_the_large_model_is_told_by_its_weights(tmp_path: Path, data: Path) -> None:
    model = load(small_file(tmp_path, variant=LARGE), data)
    assert model.backbone.name == "efficientnet_v2_l"
    assert model.heatmap_head.crop_side == 384
    assert model.info.name == "nlf_s_crop (NLF-L weights)"


def test_data_files_beside_the_checkpoint_are_found(tmp_path: Path, data: Path) -> None:
    path = small_file(tmp_path)
    for name in DATA_FILES[:2]:
        shutil.copy(data / name, tmp_path)
    model = load(path)
    assert model.canonical.bodies == {}
    assert model.canonical.locations is None


def test_a_converted_model_completes_a_checkpoint(
    tmp_path: Path, file: Path, model: LocalizerModel
) -> None:
    save_native(model, tmp_path / "converted.safetensors")
    shutil.copy(ASSETS / "default_model.safetensors", tmp_path / "a_of_the_open_space.safetensors")
    (tmp_path / "b_damaged.safetensors").write_bytes(b"no model")
    path = Path(shutil.copy(file, tmp_path))
    completed = load(path)
    assert same(completed, model)
    assert np.array_equal(completed.canonical.locations, model.canonical.locations)
    assert np.array_equal(
        completed.canonical.bodies["smpl"].joints, model.canonical.bodies["smpl"].joints
    )


@pytest.mark.parametrize("half", [False, True])
def test_a_saved_model_is_the_same_model(
    tmp_path: Path, model: LocalizerModel, data: Path, half: bool
) -> None:
    path = tmp_path / "new folder" / "modèle.safetensors"
    save_native(model, path, half)
    loaded = load(path)
    if half:
        again = tmp_path / "again.safetensors"
        save_native(loaded, again, half=True)
        assert path.stat().st_size < 0.65 * 4 * 26.4e6
        loaded, expected = load(again), loaded
    else:
        expected = model
    assert same(loaded, expected)
    for ours, theirs in zip(outputs(loaded), outputs(expected), strict=True):
        assert torch.equal(ours, theirs)
    assert (loaded.info.name, loaded.info.license) == (model.info.name, model.info.license)
    assert loaded.style == model.style
    assert loaded.canonical.name == "smpl"
    assert loaded.canonical.bodies["smpl"].whole
    assert np.array_equal(loaded.canonical.locations, model.canonical.locations)
    assert not list(path.parent.glob("*.part"))


def test_a_weight_too_large_for_half_precision_is_named(tmp_path: Path, data: Path) -> None:
    def enlarge(tensors: dict[str, Tensor]) -> None:
        tensors[WEIGHT] = torch.full((1, 1, 1, 1), 1e5).expand(tensors[WEIGHT].shape)
        name = "backbone.1.0.1.running_var"
        tensors[name] = torch.full_like(tensors[name], 1e5)

    model = load(small_file(tmp_path, enlarge), data)
    with pytest.raises(UserError, match=WEIGHT):
        save_native(model, tmp_path / "out.safetensors", half=True)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_model_that_cannot_be_written_leaves_the_old_file(
    tmp_path: Path, model: LocalizerModel
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(UserError, match="could not be saved"):
        save_native(model, tmp_path / "file" / "out.safetensors")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_people_are_localized_with_a_checkpoint(model: LocalizerModel) -> None:
    localizer = Localizer(model)
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    camera = np.array([[150.0, 0, 79.5], [0, 150.0, 59.5], [0, 0, 1]])
    body = model.canonical.bodies["smpl"]
    weights = localizer.point_weights(body.joints)
    boxes = [CropSpec.from_box(20, 10, 70, 110), CropSpec.from_box(80, 20, 120, 115)]
    (people,) = localizer.localize([image], [boxes], [camera], weights, num_aug=2, batch_size=3)
    assert [person.points.shape for person in people] == [(24, 3)] * 2
    assert all(np.isfinite(person.points).all() for person in people)
    assert all((person.uncertainty > 0).all() for person in people)
