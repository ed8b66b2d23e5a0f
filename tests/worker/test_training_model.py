# SPDX-License-Identifier: GPL-3.0-or-later
"""The localizer in training: encodings, backbones, readout, and the files that come of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_batches import crop_batch, people

from nlf_blender.errors import UserError
from nlf_blender.worker.assets import ASSETS
from nlf_blender.worker.nlf.backbones.blazepose import BlazePoseEncoder
from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.field import FieldConfig
from nlf_blender.worker.nlf.head import HeatmapHead
from nlf_blender.worker.nlf.native_writer import save_native
from nlf_blender.worker.nlf.official.describe import describe_model
from nlf_blender.worker.training.crops.batch import CropBatch, Queries
from nlf_blender.worker.training.datasets.joint_sets import JointCatalogue
from nlf_blender.worker.training.losses.geometry import project
from nlf_blender.worker.training.losses.settings import LossSettings
from nlf_blender.worker.training.losses.total import training_loss
from nlf_blender.worker.training.model import readout
from nlf_blender.worker.training.model.distillation import landmark_distance
from nlf_blender.worker.training.model.encodings import load_signature
from nlf_blender.worker.training.model.landmarks import changed_landmarks, left_out
from nlf_blender.worker.training.model.readout import read_points
from nlf_blender.worker.training.model.settings import LandmarkSettings, ModelSettings
from nlf_blender.worker.training.model.trained import TrainedLocalizer, build_model

torch.set_num_threads(1)
SMALL = FieldConfig(fourier_dim=16, gps_hidden_dim=16, signature_dim=8, code_dim=12, feature_dim=10)
ENCODINGS = ("coordinates", "gps", "fourier_gps")
UNCHANGED = LandmarkSettings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def tiny(encoding: str = "gps") -> TrainedLocalizer:
    torch.manual_seed(0)
    return build_model(ModelSettings("tiny", encoding))


def tiny_batch(count: int = 30) -> CropBatch:
    return crop_batch(people(0, count), [150.0, 200.0], side=128)


def blazepose_batch() -> CropBatch:
    batch = crop_batch(people(0, 12), [300.0, 400.0])
    return replace(batch, landmarks_3d=people(4, 33))


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
    loaded = load_localizer(str(half), "cpu", ASSETS)
    head = loaded.heatmap_head
    codes = head.weight_field.point_codes(batch.queries.places)
    output = head(loaded.features(batch.images.float() / 255), codes)
    with torch.no_grad():
        off = (output.points_3d - model(batch).points.points_3d).norm(dim=-1)
    assert off.max() < 2e-3


def test_training_starts_from_the_default_model() -> None:
    default = load_localizer("default", "cpu", ASSETS)
    model, batch = build_model(ModelSettings()).eval(), blazepose_batch()
    model.adopt(default)
    head = default.heatmap_head
    codes = head.weight_field.point_codes(batch.queries.places)
    expected = head(default.features(batch.images.float() / 255), codes)
    with torch.no_grad():
        found = model(batch).points
        cached = model(batch, model.frozen(batch.images)).points
    assert torch.allclose(found.points_3d, expected.points_3d, atol=1e-4)
    assert torch.equal(found.points_3d, cached.points_3d)
    with pytest.raises(UserError, match="does not fit"):
        tiny().adopt(default)


def test_a_tuned_network_begins_as_the_untuned_one(tmp_path: Path) -> None:
    default, batch = load_localizer("default", "cpu", ASSETS), blazepose_batch()
    model = build_model(ModelSettings("blazepose_heavy_tuned"))
    model.adopt(default)
    frozen = build_model(ModelSettings())
    frozen.adopt(default)
    with torch.no_grad():
        expected = frozen.eval()(batch).points
        found = model.eval()(batch).points
    assert torch.equal(found.points_3d, expected.points_3d)
    assert torch.equal(found.uncertainty, expected.uncertainty)
    path = tmp_path / "tuned.safetensors"
    with torch.no_grad():
        weight = next(model.trunk.backbone.encoder.parameters())
        weight.add_(0.01)  # its own weights, not the asset's, are in the file
        expected = model(batch).points
    save_native(model.to_localizer("tuned", "GPL-3.0-or-later"), path)
    loaded = load_localizer(str(path), "cpu", ASSETS)
    head = loaded.heatmap_head
    codes = head.weight_field.point_codes(batch.queries.places)
    output = head(loaded.features(batch.images.float() / 255), codes)
    assert torch.allclose(output.points_3d, expected.points_3d, atol=1e-4)
    assert not torch.equal(found.points_3d, expected.points_3d)


def test_tuning_pays_for_landmarks_that_leave_their_place() -> None:
    batch = blazepose_batch()
    model = build_model(ModelSettings("blazepose_heavy_tuned"))
    assert model.learns_backbone
    random = torch.Generator().manual_seed(0)
    result = model(batch, None, random)
    assert result.extra["landmark_distillation"].item() == pytest.approx(0.0, abs=1e-5)
    loss, _ = training_loss(replace(result, extra={}), batch, LossSettings(), 0.0)
    loss.backward()
    encoder = model.trunk.backbone.encoder.graph
    by_layer = {layer.output: layer for layer in encoder.description.layers}
    heads = {
        name: by_layer[encoder.description.names[name]] for name in ("landmarks", "world_landmarks")
    }
    trained = [name for name, value in encoder.named_parameters() if value.grad is not None]
    assert len(trained) > 300
    for layer in heads.values():  # the neck's landmarks carry no gradient back
        while "weight" not in layer.settings:
            layer = by_layer[layer.inputs[0]]
        assert layer.settings["weight"] not in trained
    with torch.no_grad():
        for value in encoder.parameters():
            value.mul_(1.02)
    moved = model(batch, None, random).extra["landmark_distillation"]
    assert moved > 1e-3
    moved.backward()
    assert all(value.grad is not None for value in encoder.parameters())
    assert model(batch).extra == {}  # without training there is nothing to pay


def test_a_share_of_the_layers_can_stay_untuned() -> None:
    model = build_model(ModelSettings("blazepose_heavy_tuned", untuned_layers=0.5))
    encoder = model.trunk.backbone.encoder.graph
    tuned = {name for name, value in encoder.named_parameters() if value.requires_grad}
    layers = [layer.settings for layer in encoder.description.layers if layer.kind == "conv"]
    assert layers[0]["weight"] not in tuned
    assert layers[-1]["weight"] in tuned
    given = {id(p) for group in model.parameter_groups(1e-3, 0.0) for p in group["params"]}
    assert id(getattr(encoder, layers[0]["weight"])) not in given
    assert id(getattr(encoder, layers[-1]["bias"])) in given
    random = torch.Generator().manual_seed(0)
    batch = blazepose_batch()
    loss, _ = training_loss(model(batch, None, random), batch, LossSettings(), 0.0)
    loss.backward()
    assert all((getattr(encoder, name).grad is not None) for name in tuned)
    with pytest.raises(ValueError, match="untuned_layers"):
        ModelSettings(untuned_layers=1.5)


def test_distillation_is_about_in_metres() -> None:
    encoder = BlazePoseEncoder.from_assets()
    output = encoder(torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0)))
    assert landmark_distance(output, output).item() == pytest.approx(0.0, abs=1e-6)
    moved = replace(output, world=output.world + torch.tensor([0.03, 0.04, 0.0]))
    assert landmark_distance(moved, output).item() == pytest.approx(0.05, abs=1e-4)
    unsure = output.landmarks.clone()
    unsure[..., 3:] = 0.0
    assert landmark_distance(replace(output, landmarks=unsure), output) > 0.01


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


def test_a_frozen_network_is_never_rounded() -> None:
    model, batch = build_model(ModelSettings()), blazepose_batch()
    expected = model.frozen(batch.images)
    with torch.autocast("cpu", torch.bfloat16):
        found = model.frozen(batch.images)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    assert not found["world"].requires_grad


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


@pytest.mark.parametrize("largest", [0.0, 1.0])
def test_corrected_landmarks_are_nearer_to_the_truth(largest: float) -> None:
    truth = torch.cat([people(seed, 33) for seed in range(20)])
    batch = crop_batch(truth, [400.0] * 40)
    world = torch.zeros(40, 39, 3)
    landmarks = torch.zeros(40, 39, 5)
    landmarks[:, :33, :2] = batch.points_2d + 0.5
    wrong = landmarks + 5.0
    truth = truth.clone()
    truth[0] = torch.nan
    settings = LandmarkSettings(corrected=1.0, largest=largest, noise_px=0.0, noise_m=0.0)
    random = torch.Generator().manual_seed(1)
    moved, placed = changed_landmarks(wrong, world, truth, batch.intrinsics, settings, random)
    before = (wrong - landmarks)[1:, :33, :2].norm(dim=-1)
    after = (moved - landmarks)[1:, :33, :2].norm(dim=-1)
    assert torch.equal(moved[0], wrong[0])
    assert torch.equal(placed[0], world[0])
    if largest == 0.0:
        assert torch.allclose(after, before, atol=1e-3)
        assert placed.abs().max() == 0
    else:
        assert float((after / before).mean()) == pytest.approx(0.5, abs=0.15)
        hips = truth[1:, [23, 24]].mean(dim=1, keepdim=True)
        cosine = torch.cosine_similarity(placed[1:, :33], truth[1:] - hips, dim=-1)
        assert torch.allclose(cosine, torch.ones_like(cosine), atol=1e-4)


def test_no_crop_loses_both_its_maps_and_its_landmarks() -> None:
    settings = LandmarkSettings(drop_maps=0.3, drop_landmarks=0.2)
    maps, landmarks = left_out(4000, settings, torch.Generator().manual_seed(0))
    assert ((maps + landmarks) >= 1).all()
    assert float(1 - maps.mean()) == pytest.approx(0.3, abs=0.03)
    assert float(1 - landmarks.mean()) == pytest.approx(0.2, abs=0.03)


def test_training_changes_the_landmarks_as_its_generator_says() -> None:
    model, batch = build_model(ModelSettings()).eval(), blazepose_batch()
    frozen = model.frozen(batch.images)
    kept = {name: value.clone() for name, value in frozen.items()}
    with torch.no_grad():
        plain = model(batch, frozen).points.points_3d
        first, second = (
            model(batch, frozen, torch.Generator().manual_seed(7)).points.points_3d
            for _ in range(2)
        )
        model.trunk.settings = UNCHANGED
        same = model(batch, frozen, torch.Generator().manual_seed(7)).points.points_3d
    assert torch.equal(first, second)
    assert not torch.equal(first, plain)
    assert torch.allclose(same, plain, atol=1e-5)
    assert all(torch.equal(value, frozen[name]) for name, value in kept.items())


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


def painted_crops() -> CropBatch:
    """Eight crops of drawn people: 40 points, each a spot of its own colour, turned and bent
    differently in every crop."""
    random = torch.Generator().manual_seed(0)
    places = torch.rand(40, 3, generator=random) - 0.5
    turns = torch.linalg.qr(torch.randn(8, 3, 3, generator=random))[0]
    turns = turns * torch.linalg.det(turns)[:, None, None]
    points = places @ turns + 0.2 * torch.sin(4 * places @ turns.flip(0))
    points = points + torch.tensor([0.0, 0.0, 4.0])
    batch = crop_batch(points, [330.0] * 8, side=128)
    pixels = project(points, batch.intrinsics)
    grid = torch.stack(torch.meshgrid(*[torch.arange(128.0)] * 2, indexing="xy"), dim=-1)
    near = torch.exp(-(grid[None, None] - pixels[:, :, None, None]).square().sum(-1) / 18)
    images = torch.einsum("pnhw,nc->pchw", near, places + 0.5).clamp(0, 1)
    queries = Queries(places, batch.queries.joints)
    return replace(batch, images=(255 * images).byte(), queries=queries)


@pytest.mark.parametrize(
    ("encoding", "least_mm", "most_mm"), [("gps", 0.0, 60.0), ("coordinates", 60.0, 200.0)]
)
def test_a_tiny_model_learns_eight_crops_by_heart_and_is_sure_of_them(
    encoding: str, least_mm: float, most_mm: float
) -> None:
    """Signatures, which part points from the start, are learnt from quicker than coordinates."""
    batch, settings, steps = painted_crops(), LossSettings(absolute_from=0.5), 50
    model = tiny(encoding).train()
    groups = model.parameter_groups(2e-3, 0.0)
    optimizer = torch.optim.AdamW(groups)
    rates = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
    history = []
    for step in range(steps):
        loss, terms = training_loss(model(batch), batch, settings, step / steps)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        history.append({name: value.item() for name, value in terms.items()})
    first, last = history[0], history[-1]
    assert first["error_3d_mm"] > 500
    assert least_mm < last["error_3d_mm"] < most_mm
    assert last["error_2d_px"] < most_mm / 10
    assert first["uncertainty_mm"] == pytest.approx(300, abs=3)
    assert 0.5 * last["error_3d_mm"] < last["uncertainty_mm"] < 3 * last["error_3d_mm"]
    assert last["absolute_3d"] < 0.1
