# SPDX-License-Identifier: GPL-3.0-or-later
"""BlazePose with small learnt changes of its later layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as functional
from torch import nn
from training_batches import crop_batch, localized, people

from nlf_blender.worker.assets import ASSETS
from nlf_blender.worker.nlf.backbones.adapter import Adapter, LowRank
from nlf_blender.worker.nlf.backbones.blazepose import AdaptedBlazePoseBackbone, BlazePoseBackbone
from nlf_blender.worker.nlf.backbones.depthwise import frozen_depthwise
from nlf_blender.worker.nlf.backbones.graph import GraphDescription, GraphNet, Layer
from nlf_blender.worker.nlf.checkpoints import load_localizer
from nlf_blender.worker.nlf.native_writer import save_native
from nlf_blender.worker.training.crops.batch import CropBatch
from nlf_blender.worker.training.losses.settings import LossSettings
from nlf_blender.worker.training.losses.total import training_loss
from nlf_blender.worker.training.model.settings import ModelSettings
from nlf_blender.worker.training.model.trained import TrainedLocalizer, build_model

torch.set_num_threads(1)


def small_graph() -> GraphNet:
    """image -> a (1x1) -> b (depthwise) -> c (1x1)."""
    sizes = {"a": (6, 4, 1, 1), "b": (6, 1, 3, 3), "c": (4, 6, 1, 1)}
    weights, layers, before = {}, [], "image"
    for name, size in sizes.items():
        weights |= {f"{name}_weight": torch.randn(size), f"{name}_bias": torch.randn(size[0])}
        settings = {
            "weight": f"{name}_weight",
            "bias": f"{name}_bias",
            "stride": 1,
            "groups": 6 if name == "b" else 1,
            "same": True,
            "activation": "relu6" if name == "a" else None,
        }
        layers.append(Layer("conv", (before,), name, settings))
        before = name
    return GraphNet(GraphDescription("image", tuple(layers), {"end": "c"}), weights)


def adapted_model() -> tuple[TrainedLocalizer, CropBatch]:
    model = build_model(ModelSettings("blazepose_heavy_adapted"))
    model.adopt(load_localizer("default", "cpu", ASSETS))
    batch = crop_batch(people(0, 12), [300.0, 400.0])
    return model, replace(batch, landmarks_3d=people(4, 33))


def reset(adapter: nn.Module) -> None:
    """Let it add nothing, as at its start."""
    with torch.no_grad():
        for name, value in adapter.named_parameters():
            if not name.endswith("down"):
                value.zero_()


def disturb(adapter: nn.Module) -> None:
    """Give what starts at zero some values."""
    with torch.no_grad():
        for name, value in adapter.named_parameters():
            if not name.endswith("down"):
                value.normal_(0, 0.02)


def test_a_graph_runs_from_a_value_in_its_middle() -> None:
    graph, image = small_graph(), torch.rand(2, 4, 5, 5)
    whole = graph(image, ["a", "end"])
    part = graph.run({"a": whole["a"]}, ["end"])
    assert torch.equal(part["end"], whole["end"])
    more = graph.run({"a": whole["a"]}, ["end"], {"c": lambda value: value[:, :4] * 2})
    expected = whole["end"] + graph(image, ["b"])["b"][:, :4] * 2
    assert torch.allclose(more["end"], expected, atol=1e-6)


def test_an_adapter_adds_a_matrix_of_low_rank_in_units_of_the_rows() -> None:
    graph = small_graph()
    adapter = Adapter(graph, "image", ["end"], rank=2)
    assert set(adapter.added) == {"a", "c"}
    image = torch.rand(2, 4, 5, 5)
    expected = graph(image, ["end"])["end"]
    assert torch.equal(adapter(image)["end"], expected)
    disturb(adapter)
    changed = small_graph()
    for name in ("a", "c"):
        part, weight = adapter.added[name], getattr(graph, f"{name}_weight")
        assert isinstance(part, LowRank)
        size = weight.flatten(1).square().mean(dim=1).sqrt()
        low = size[:, None] * (part.up @ part.down)
        assert torch.linalg.matrix_rank(low) <= 2
        setattr(changed, f"{name}_weight", weight + low[:, :, None, None].detach())
        bias = getattr(graph, f"{name}_bias") + (size * part.bias).detach()
        setattr(changed, f"{name}_bias", bias)
    for name in ("b_weight", "b_bias"):
        setattr(changed, name, getattr(graph, name))
    assert torch.allclose(adapter(image)["end"], changed(image, ["end"])["end"], atol=1e-5)
    assert not torch.allclose(adapter(image)["end"], expected, atol=1e-3)


@pytest.mark.parametrize("side, padding", [(3, 1), (5, 2), (3, 0)])
def test_the_quick_gradient_of_a_depthwise_convolution(side: int, padding: int) -> None:
    random = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(6, 1, side, side, generator=random), torch.randn(6)
    first = torch.randn(2, 6, 9, 7, generator=random, requires_grad=True)
    second = first.detach().clone().requires_grad_()
    found = frozen_depthwise(first, weight, bias, padding)
    expected = functional.conv2d(second, weight, bias, padding=padding, groups=6)
    assert torch.equal(found, expected)
    slope = torch.randn(expected.shape, generator=random)
    found.backward(slope)
    expected.backward(slope)
    assert first.grad is not None and second.grad is not None
    assert torch.allclose(first.grad, second.grad, atol=1e-5)


def test_an_adapted_network_begins_as_the_frozen_one() -> None:
    frozen = BlazePoseBackbone.from_assets().eval()
    adapted = AdaptedBlazePoseBackbone(frozen.encoder).eval()
    lacking = adapted.load_state_dict(frozen.state_dict(), strict=False)
    assert not lacking.unexpected_keys
    assert all(name.startswith("adapter.added.") for name in lacking.missing_keys)
    assert not any("graph" in name for name in adapted.state_dict())
    images = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = frozen(images)
        assert torch.allclose(adapted(images), expected, atol=1e-4)
        disturb(adapted.adapter)
        assert (adapted(images) - expected).abs().max() > 1e-2
        landmarks = adapted.frozen(images).landmarks
    assert torch.equal(landmarks, frozen.encoder(images).landmarks)  # never adapted


def test_an_adapter_learns_from_cached_maps() -> None:
    model, batch = adapted_model()
    assert not model.learns_backbone
    frozen = model.frozen(batch.images)
    assert not any(value.requires_grad for value in frozen.values())
    slow = {id(value) for value in model.trunk.pretrained()}
    assert slow == {id(value) for value in model.trunk.backbone.adapter.parameters()}
    reset(model.trunk.backbone.adapter)
    result = model(replace(batch, images=batch.images[..., :0]), frozen, None)
    loss, _ = training_loss(result, batch, LossSettings(), 0.0)
    loss.backward()
    gradients = {
        name: value.grad for name, value in model.trunk.backbone.adapter.named_parameters()
    }
    assert all(value is not None for value in gradients.values())
    learnt = [name for name, value in gradients.items() if value is not None and value.any()]
    assert {name.rsplit(".", 1)[1] for name in learnt} == {"up", "bias"}  # which are zero
    assert not list(model.trunk.backbone.encoder.parameters())


def test_an_adapted_model_is_a_file(tmp_path: Path) -> None:
    model, batch = adapted_model()
    model.eval()
    disturb(model.trunk.backbone.adapter)
    with torch.no_grad():
        expected = model(batch).points
    path = tmp_path / "adapted.safetensors"
    save_native(model.to_localizer("adapted", "GPL-3.0-or-later"), path)
    loaded = load_localizer(str(path), "cpu", ASSETS)
    output = localized(loaded, batch)
    assert torch.allclose(output.points_3d, expected.points_3d, atol=1e-4)
    again = build_model(ModelSettings("blazepose_heavy_adapted")).eval()
    again.adopt(loaded)
    with torch.no_grad():
        assert torch.allclose(again(batch).points.points_3d, expected.points_3d, atol=1e-4)
