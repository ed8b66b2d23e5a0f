# SPDX-License-Identifier: GPL-3.0-or-later
"""Official TorchScript files: everything of use is taken out, to the last digit."""

from __future__ import annotations

import io
import lzma
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from official_files import small_file
from safetensors import safe_open
from torch import Tensor, nn
from torchscript_stand_in import FIELD, StandIn, symmetric

from nlf_blender.errors import UserError
from nlf_blender.protocol.files import file_sha256
from nlf_blender.worker.nlf.checkpoints import read_localizer
from nlf_blender.worker.nlf.model import LocalizerModel
from nlf_blender.worker.nlf.native_writer import save_native
from nlf_blender.worker.nlf.official.torchscript import (
    OfficialRelease,
    load_torchscript,
    read_torchscript,
)
from nlf_blender.worker.nlf.official.torchscript_archive import describe_torchscript
from nlf_blender.worker.nlf.official.variants import FIELD_CONSTANTS

REFERENCE = Path(os.environ.get("NLF_REFERENCE", ""))
WEIGHT = "backbone.1.3.0.block.0.0.weight"


@pytest.fixture(scope="module")
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture(scope="module")
def file(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_in.write(tmp_path_factory.mktemp("official") / "nlf_s_multi.torchscript")


@pytest.fixture(scope="module")
def release(file: Path) -> OfficialRelease:
    return read_torchscript(file, [file_sha256(file)])


@pytest.fixture(scope="module")
def model(file: Path) -> LocalizerModel:
    return load_torchscript(file, [file_sha256(file).upper()])


def outputs(model: LocalizerModel) -> tuple[Tensor, ...]:
    """What a model makes of random images."""
    random = torch.Generator().manual_seed(3)
    images = torch.rand((2, 3, 256, 256), generator=random)
    points = torch.rand((7, 3), generator=random) - 0.5
    with torch.no_grad():
        features = model.features(images)
        output = model.heatmap_head(features, model.heatmap_head.point_weights(points).codes)
    return features, output.points_2d, output.points_3d, output.uncertainty


def test_weights_come_out_as_stored(stand_in: StandIn, release: OfficialRelease) -> None:
    wanted = {n for n in stand_in.crop if n.startswith(("backbone.1.", "heatmap_head."))}
    assert set(release.tensors) == wanted and len(wanted) == 780 + 13 + 6
    for name, value in release.tensors.items():
        assert value.dtype == stand_in.crop[name].dtype
        assert torch.equal(value, stand_in.crop[name])
    assert release.tensors[WEIGHT].dtype == torch.float16
    assert release.tensors[FIELD + "r_sqrt_eigva"].dtype == torch.float32
    assert release.crop_side == 256


def test_canonical_points_come_out(stand_in: StandIn, release: OfficialRelease) -> None:
    for kind, joints in (("smpl", 24), ("smplx", 55)):
        body, rows = release.canonical.bodies[kind], stand_in.points[kind].double().numpy()
        assert body.vertices.shape == (1024, 3) and body.joints.shape == (joints, 3)
        assert np.array_equal(np.concatenate([body.vertices, body.joints]), rows)
        assert not body.whole
    assert release.canonical.name == "smpl"
    crop = stand_in.crop
    moves = symmetric(crop["canonical_lefts"], nn.functional.pad(crop["canonical_centers"], (1, 0)))
    moves = moves[crop["inv_permutation"]] * crop["canonical_delta_mask"][:, None]
    expected = (crop["canonical_locs_init"] + moves).numpy()
    assert release.canonical.locations is not None
    assert np.abs(release.canonical.locations - expected).max() < 1e-6


def test_the_model_runs_in_single_precision_on_the_cpu(model: LocalizerModel, file: Path) -> None:
    floats = [value for value in model.state_dict().values() if value.is_floating_point()]
    assert {value.dtype for value in floats} == {torch.float32}
    assert {value.device.type for value in floats} == {"cpu"}
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    assert (model.info.name, model.info.sha256) == ("nlf_s_multi", file_sha256(file))
    assert "non-commercial" in model.info.license
    for value in outputs(model):
        assert value.dtype == torch.float32 and value.isfinite().all()
        assert value.std() > 1e-3


def test_a_converted_file_is_the_same_model(
    stand_in: StandIn, model: LocalizerModel, tmp_path: Path
) -> None:
    path = tmp_path / "converted.safetensors"
    save_native(model, path, half=True)
    assert path.stat().st_size < 70e6
    with safe_open(str(path), framework="pt") as stored:
        for name in (WEIGHT, "heatmap_head.layer.0.weight", FIELD + "pred_mlp.2.weight"):
            assert stored.get_tensor(name).dtype == stand_in.crop[name].dtype
            assert torch.equal(stored.get_tensor(name), stand_in.crop[name])
    again = read_localizer(path)
    assert all(map(torch.equal, outputs(again), outputs(model)))
    assert again.canonical.name == "smpl"
    for kind, body in model.canonical.bodies.items():
        assert np.array_equal(again.canonical.bodies[kind].vertices, body.vertices)
        assert np.array_equal(again.canonical.bodies[kind].joints, body.joints)
    assert np.array_equal(again.canonical.locations, model.canonical.locations)


@pytest.mark.skipif(
    not (REFERENCE / "parity_s.npz").is_file(),
    reason="NLF_REFERENCE names no folder with references",
)
def test_against_the_official_code(tmp_path: Path) -> None:
    with np.load(REFERENCE / "parity_s.npz") as stages:
        data = {name: torch.from_numpy(stages[name]) for name in stages if stages[name].ndim}
    packed = lzma.decompress((REFERENCE / "nlf_s_crop.pt.xz").read_bytes())
    values = torch.load(io.BytesIO(packed), weights_only=True)
    stand_in = StandIn()
    networks = {n: v for n, v in values.items() if not n.startswith("canonical")}
    for name, value in networks.items():
        stand_in.crop[name] = value.to(stand_in.crop[name].dtype)
    stand_in.crop[FIELD + "r_sqrt_eigva"] = data["r_sqrt_eigva"]
    for name in ("mini", "maxi", "center"):
        stand_in.crop[f"{FIELD}gps_net.{name}"] = data[f"gps_{name}"]
    file = stand_in.write(tmp_path / "nlf_s_multi.torchscript")
    model = load_torchscript(file, [file_sha256(file)])
    with torch.no_grad():
        features = model.features(data["images_uint8_nhwc"].permute(0, 3, 1, 2) / 255)
        weights = model.heatmap_head.point_weights(data["canonical_points"])
        output = model.heatmap_head(features, weights.codes)
    assert (output.points_2d - data["coords2d"]).abs().max() < 0.01
    assert (output.points_3d - data["coords3d"]).abs().max() < 0.0002


def test_it_completes_a_crop_checkpoint_once_agreed_to(
    file: Path, model: LocalizerModel, tmp_path: Path
) -> None:
    checkpoint, digest = small_file(tmp_path), file_sha256(file)
    with pytest.raises(UserError, match=r"nlf_s_multi\.torchscript has the values too, but is a"):
        read_localizer(checkpoint, file.parent, ["0" * 64])
    completed = read_localizer(checkpoint, file.parent, [digest.upper()])
    here, there = completed.state_dict(), model.state_dict()
    assert all(torch.equal(here[name], there[name]) for name in FIELD_CONSTANTS)
    assert not torch.equal(here[WEIGHT], there[WEIGHT])  # its weights stay its own
    known, listed = completed.canonical, model.canonical
    assert known.locations is not None and listed.locations is not None
    np.testing.assert_array_equal(known.locations, listed.locations)
    np.testing.assert_array_equal(known.bodies["smplx"].joints, listed.bodies["smplx"].joints)


def test_description(file: Path) -> None:
    description = describe_torchscript(file)
    rows = dict(description.rows)
    assert description.kind == "NLF-S multi-person TorchScript"
    assert rows["backbone"] == "efficientnet_v2_s, crops of 256 pixels"
    assert rows["canonical points"] == "SMPL 1048, SMPL-X 1079"
    assert "non-commercial" in description.license and description.needs_consent
