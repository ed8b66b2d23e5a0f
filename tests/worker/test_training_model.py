# SPDX-License-Identifier: GPL-3.0-or-later
"""The localizer in training: encodings, readout, what is learnt, and the files that come of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_batches import crop_batch, localized, people

from nlf_blender.errors import UserError
from nlf_blender.worker.assets import ASSETS
from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.field import FieldConfig
from nlf_blender.worker.nlf.head import HeatmapHead
from nlf_blender.worker.nlf.native_writer import save_native
from nlf_blender.worker.nlf.official.describe import describe_model
from nlf_blender.worker.training.crops.batch import CropBatch, Queries
from nlf_blender.worker.training.datasets.joint_sets import JointCatalogue
from nlf_blender.worker.training.losses.settings import LossSettings
from nlf_blender.worker.training.losses.total import training_loss
from nlf_blender.worker.training.model import readout
from nlf_blender.worker.training.model.encodings import load_signature
from nlf_blender.worker.training.model.readout import read_points
from nlf_blender.worker.training.model.settings import LandmarkSettings, ModelSettings
from nlf_blender.worker.training.model.trained import TrainedLocalizer, build_model

torch.set_num_threads(1)
SMALL = FieldConfig(fourier_dim=16, gps_hidden_dim=16, signature_dim=8, code_dim=12, feature_dim=10)
ENCODINGS = ("coordinates", "gps", "fourier_gps")
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def tiny(encoding: str = "gps") -> TrainedLocalizer:
    torch.manual_seed(0)
    return build_model(ModelSettings("tiny", encoding))


def tiny_batch(count: int = 30) -> CropBatch:
    return crop_batch(people(0, count), [150.0, 200.0], side=128)


def small_head() -> HeatmapHead:
    torch.manual_seed(0)
    head = HeatmapHead(6, 256, 32, SMALL).eval()
    with torch.no_grad():
        head.weight_field.pred_mlp[2].weight.mul_(20.0)
    return head


@pytest.mark.parametrize("most_groups", [0, 1, 3, 12])
@pytest.mark.parametrize("kinds", [1, 2, 5])
def test_every_way_of_reading_points_is_the_head(
    most_groups: int, kinds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readout, "MOST_GROUPS", most_groups)
    head, features, places = small_head(), torch.randn(5, 6, 8, 8), torch.randn(9, 3)
    choices = torch.stack([torch.randperm(9)[:7] for _ in range(kinds)])
    columns = choices[torch.arange(5) % kinds]
    found = read_points(head, features, places, columns)
    codes = head.weight_field.point_codes(places)
    for crop, chosen in enumerate(columns):
        expected = head(features[crop : crop + 1], codes[chosen])
        assert torch.allclose(found.points_3d[crop], expected.points_3d[0], atol=1e-4)
        assert torch.allclose(found.points_2d[crop], expected.points_2d[0], atol=1e-2)
        assert torch.allclose(found.uncertainty[crop], expected.uncertainty[0], atol=1e-4)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_encoding_learns_what_it_should(encoding: str) -> None:
    model, batch = tiny(encoding), tiny_batch()
    gps = model.heatmap_head.weight_field.gps_net
    loss, _ = training_loss(model(batch), batch, LossSettings(), 0.0)
    loss.backward()
    gradients = [parameter.grad is not None for parameter in gps.parameters()]
    assert all(gradients) if encoding != "gps" else not any(gradients)
    assert (encoding == "coordinates") != hasattr(gps, "learnable_fourier")
    if encoding != "coordinates":
        fresh = HeatmapHead(6, 256).weight_field
        load_signature(fresh)
        for name, value in fresh.gps_net.state_dict().items():
            assert torch.equal(value, gps.state_dict()[name])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_untrained_models_are_about_as_unsure_as_they_are_wrong(encoding: str) -> None:
    model, batch = tiny(encoding), tiny_batch()
    uncertainty = model(batch).points.uncertainty.detach()
    assert torch.allclose(uncertainty, torch.full_like(uncertainty, 0.1), atol=1e-3)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_exported_model_says_the_same(encoding: str, tmp_path: Path) -> None:
    model, batch = tiny(encoding).eval(), tiny_batch()
    numbers = model.joints.catalogue.numbers("coco17")
    with torch.no_grad():
        model.joints.moves[model.joints.row[numbers[5]]] += 0.01
    path = tmp_path / "model.safetensors"
    save_native(model.to_localizer("a test", "CC0-1.0"), path, notes={"figures": "{}"})
    loaded = load_localizer(str(path), "cpu", ASSETS)
    assert loaded.info.name == "a test"
    assert loaded.style.aligned
    features = loaded.features(batch.images.float() / 255)
    head = loaded.heatmap_head
    output = head(features, head.weight_field.point_codes(batch.queries.places))
    with torch.no_grad():
        expected = model(batch).points
    assert torch.allclose(output.points_3d, expected.points_3d, atol=1e-4)
    assert torch.allclose(output.uncertainty, expected.uncertainty, atol=1e-4)
    # Sets none of whose places were learnt are not told of.
    assert set(loaded.canonical.joint_sets) == {"coco17", "coco23"}
    assert ("joints of", "coco23, coco17") in describe_model(path, None).rows
    other = tiny(encoding)
    other.adopt(loaded)
    assert torch.allclose(other.joints(), model.joints(), atol=1e-6)
    with torch.no_grad():
        assert torch.equal(other.eval()(batch).points.points_3d, expected.points_3d)


def test_half_a_file_says_nearly_the_same(tmp_path: Path) -> None:
    model, batch = tiny().eval(), tiny_batch()
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    localizer = model.to_localizer("a test", "CC0-1.0")
    save_native(localizer, whole)
    save_native(localizer, half, half=True, half_field=True)
    assert half.stat().st_size < 0.52 * whole.stat().st_size
    output = localized(load_localizer(str(half), "cpu", ASSETS), batch)
    with torch.no_grad():
        off = (output.points_3d - model(batch).points.points_3d).norm(dim=-1)
    assert off.max() < 2e-3


@pytest.mark.parametrize("backbone", ["blazepose_heavy", "blazepose_heavy_tuned", "tiny"])
def test_all_that_is_learnt_is_given_to_the_optimizer_once(backbone: str) -> None:
    model = build_model(ModelSettings(backbone, "fourier_gps", backbone_rate=0.02))
    groups = model.parameter_groups(1e-3, 0.05)
    given = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(given) == len(set(given))
    assert set(given) == {id(value) for value in model.parameters() if value.requires_grad}
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert decays[id(model.joints.moves)] == 0.0
    assert rates[id(model.heatmap_head.layer[0].weight)] == 1e-3
    assert rates[id(model.heatmap_head.weight_field.gps_net.mlp[0].weight)] == pytest.approx(1e-4)
    slow = [rates[id(value)] for value in model.trunk.pretrained()]
    assert slow == [pytest.approx(2e-5)] * len(slow)
    assert bool(slow) == (backbone == "blazepose_heavy_tuned")


@pytest.mark.parametrize("device", DEVICES)
def test_mixed_precision_leaves_points_whole(device: str) -> None:
    model, batch = tiny().to(device).eval(), tiny_batch().to(torch.device(device))
    with torch.no_grad():
        expected = model(batch).points
        with torch.autocast(device, torch.bfloat16):
            found = model(batch).points
    assert found.points_3d.dtype == torch.float32
    off = (found.points_3d - expected.points_3d).norm(dim=-1)
    assert 0 < float(off.max()) < 0.02  # of the backbone's own rounding


@pytest.mark.parametrize("device", DEVICES)
def test_joints_and_points_are_asked_for_together(device: str) -> None:
    catalogue = JointCatalogue()
    model, batch = tiny().to(device).eval(), tiny_batch()
    numbers = torch.from_numpy(catalogue.numbers("coco17")[:5])
    joints = batch.queries.joints.clone()
    joints[:5] = numbers
    places = batch.queries.places.clone()
    places[:5] = torch.nan
    asked = replace(batch, queries=Queries(places, joints)).to(torch.device(device))
    filled = batch.queries.places.to(device).clone()
    filled[:5] = model.joints()[numbers.to(device)].detach()
    fixed = replace(batch, queries=Queries(filled.cpu(), batch.queries.joints))
    result, expected = model(asked), model(fixed.to(torch.device(device)))
    assert torch.allclose(result.points.points_3d, expected.points.points_3d, atol=1e-5)
    result.points.points_3d.sum().backward()
    assert torch.isfinite(model.joints.moves.grad).all()
    assert model.joints.moves.grad[model.joints.row[numbers[1].to(device)]].abs().max() > 0


def test_a_larger_network_learns_from_nothing() -> None:
    torch.manual_seed(0)
    model, batch = (
        build_model(ModelSettings("efficientnet_v2_s")),
        crop_batch(people(), [400.0] * 2),
    )
    loss, terms = training_loss(model(batch), batch, LossSettings(absolute_from=0.0), 0.0)
    loss.backward()
    assert terms["absolute_3d"] < 1.0
    first = next(model.trunk.backbone.parameters())
    assert torch.isfinite(first.grad).all()
    assert first.grad.abs().max() > 0
    assert model.trunk.pretrained() == []


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ValueError, match="aligned"):
        ModelSettings("blazepose_heavy", aligned=False)
    with pytest.raises(ValueError, match="shares"):
        LandmarkSettings(drop_maps=0.8, drop_landmarks=0.3)
    with pytest.raises(ValueError, match="no frozen part"):
        tiny().frozen(torch.zeros(1, 3, 128, 128, dtype=torch.uint8))
    empty = replace(tiny_batch(), images=torch.zeros(2, 3, 0, 0, dtype=torch.uint8))
    with pytest.raises(UserError, match="no pictures"):
        tiny()(empty)


def test_a_missing_signature_is_reported(tmp_path: Path) -> None:
    field = HeatmapHead(6, 256).weight_field
    with pytest.raises(UserError, match=r"none\.safetensors"):
        load_signature(field, tmp_path / "none.safetensors")
    with pytest.raises(UserError, match=r"default_model\.safetensors"):
        load_signature(field, ASSETS / "default_model.safetensors")
