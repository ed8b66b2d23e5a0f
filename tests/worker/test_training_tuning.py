# SPDX-License-Identifier: GPL-3.0-or-later
"""BlazePose in training: frozen and tuned, its landmarks changed and kept."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_batches import crop_batch, localized, people

from nlf_blender.errors import UserError
from nlf_blender.worker.assets import ASSETS
from nlf_blender.worker.nlf.backbones.blazepose import BlazePoseEncoder
from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.native_writer import save_native
from nlf_blender.worker.training.crops.batch import CropBatch
from nlf_blender.worker.training.losses.settings import LossSettings
from nlf_blender.worker.training.losses.total import training_loss
from nlf_blender.worker.training.model.distillation import landmark_distance
from nlf_blender.worker.training.model.landmarks import changed_landmarks, left_out
from nlf_blender.worker.training.model.settings import LandmarkSettings, ModelSettings
from nlf_blender.worker.training.model.trained import build_model

torch.set_num_threads(1)
UNCHANGED = LandmarkSettings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def blazepose_batch() -> CropBatch:
    batch = crop_batch(people(0, 12), [300.0, 400.0])
    return replace(batch, landmarks_3d=people(4, 33))


def test_training_starts_from_the_default_model() -> None:
    default = load_localizer("default", "cpu", ASSETS)
    model = build_model(ModelSettings(default.backbone.name)).eval()
    batch = blazepose_batch()
    model.adopt(default)
    expected = localized(default, batch)
    with torch.no_grad():
        found = model(batch).points
        cached = model(batch, model.frozen(batch.images)).points
    box = model.heatmap_head.box_size_m / default.heatmap_head.box_size_m  # which export chose
    assert torch.allclose(found.points_3d, expected.points_3d * box, atol=1e-4)
    assert torch.equal(found.points_3d, cached.points_3d)
    with pytest.raises(UserError, match="does not fit"):
        build_model(ModelSettings("tiny")).adopt(default)


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
    output = localized(loaded, batch)
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


def test_a_share_of_the_crops_is_distilled() -> None:
    batch = blazepose_batch()
    model = build_model(ModelSettings("blazepose_heavy_tuned", distilled=0.5, distillation=2.0))
    with torch.no_grad():
        for value in model.trunk.backbone.encoder.parameters():
            value.mul_(1.02)
        extra = model(batch, None, torch.Generator().manual_seed(0)).extra
        first = batch.images[:1].float() / 255
        expected = landmark_distance(
            model.trunk.backbone.encoder(first), BlazePoseEncoder.from_assets()(first)
        )
    assert extra["landmark_distillation"].item() == pytest.approx(2 * expected.item(), rel=1e-3)


def test_distillation_is_about_in_metres() -> None:
    encoder = BlazePoseEncoder.from_assets()
    output = encoder(torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0)))
    assert landmark_distance(output, output).item() == pytest.approx(0.0, abs=1e-6)
    moved = replace(output, world=output.world + torch.tensor([0.03, 0.04, 0.0]))
    assert landmark_distance(moved, output).item() == pytest.approx(math.hypot(0.05, 0.02) - 0.02)
    unsure = output.landmarks.clone()
    unsure[..., 3:] = 0.0
    assert landmark_distance(replace(output, landmarks=unsure), output) > 0.01


def test_a_frozen_network_is_never_rounded() -> None:
    model, batch = build_model(ModelSettings()), blazepose_batch()
    expected = model.frozen(batch.images)
    with torch.autocast("cpu", torch.bfloat16):
        found = model.frozen(batch.images)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    assert not found["world"].requires_grad


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
