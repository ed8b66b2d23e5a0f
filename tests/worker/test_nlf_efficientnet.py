# SPDX-License-Identifier: GPL-3.0-or-later
"""EfficientNetV2: the official names and shapes, and what its layers compute."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.backbones import build_backbone
from nlf_blender.worker.nlf.backbones.efficientnet import (
    LARGE,
    SMALL,
    Block,
    EfficientNetV2,
    Layout,
    Normalize,
    ShiftedConv2d,
    SqueezeExcitation,
    Stage,
)

REFERENCE = Path(os.environ.get("NLF_REFERENCE", ""))
# Of the lines "name shape type" of all values, in order, as official files list them.
OFFICIAL = {
    "efficientnet_v2_s": (
        780,
        20_177_488,
        "68b306dc5881253c37ae36512c7a3baf713ab142b81e375686d51ac018bb0cc2",
    ),
    "efficientnet_v2_l": (
        1546,
        117_234_272,
        "852b28390d07854243b4adcf0f4a9f4fee008fb9dce54bf4ed9cf1086653f9ee",
    ),
}
LAYOUTS = pytest.mark.parametrize("layout", [SMALL, LARGE], ids=lambda layout: layout.name)


def listing(layout: Layout) -> list[str]:
    with torch.device("meta"):
        backbone = EfficientNetV2(layout)
    return [
        f"backbone.{name} {tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
        for name, value in backbone.state_dict().items()
    ]


@LAYOUTS
def test_names_and_shapes_are_the_official_ones(layout: Layout) -> None:
    lines = listing(layout)
    with torch.device("meta"):
        parameters = sum(p.numel() for p in EfficientNetV2(layout).parameters())
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert (len(lines), parameters, digest) == OFFICIAL[layout.name]


@LAYOUTS
def test_names_and_shapes_against_the_list(layout: Layout) -> None:
    file = REFERENCE / f"keys_{layout.name[-1]}.txt"
    if not file.is_file():
        pytest.skip("NLF_REFERENCE names no folder with references")
    lines = file.read_text(encoding="utf-8").splitlines()
    assert listing(layout) == [line for line in lines if line.startswith("backbone.")]


@LAYOUTS
def test_every_32_pixels_make_a_cell(layout: Layout) -> None:
    with torch.device("meta"):
        backbone = EfficientNetV2(layout).eval()
        features = backbone(torch.empty(2, 3, layout.crop_side, layout.crop_side))
    cells = layout.crop_side // 32
    assert features.shape == (2, 1280, cells, cells)
    assert (backbone.channels, backbone.stride) == (1280, 32)


def test_a_backbone_is_built_by_its_name_without_memory() -> None:
    backbone = build_backbone("efficientnet_v2_l")
    assert {value.device.type for value in backbone.parameters()} == {"meta"}
    assert backbone.crop_side == 384
    with pytest.raises(UserError, match="efficientnet_v2_m"):
        build_backbone("efficientnet_v2_m")


def test_only_the_last_halving_is_shifted() -> None:
    with torch.device("meta"):
        backbone = EfficientNetV2(SMALL)
    shifted = [n for n, module in backbone.named_modules() if isinstance(module, ShiftedConv2d)]
    assert shifted == ["1.6.0.block.1.0"]


def test_a_shifted_cell_starts_at_its_pixel() -> None:
    conv = ShiftedConv2d(1, 1, 3, 2, 0, bias=False)
    nn.init.zeros_(conv.weight)
    with torch.no_grad():
        conv.weight[0, 0, 0, 0] = 1.0
        value = torch.arange(36.0).reshape(1, 1, 6, 6)
        assert torch.equal(conv(value), value[:, :, ::2, ::2])


def test_colours_are_centred() -> None:
    colours = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert Normalize()(colours).tolist() == [-1.0, -0.5, 0.0, 1.0]


def test_squeeze_and_excitation_by_hand() -> None:
    layer, value = SqueezeExcitation(4, 2), torch.randn(1, 4, 3, 3)
    with torch.no_grad():
        mean = value.mean(dim=(2, 3))[0]
        hidden = layer.fc1.weight[:, :, 0, 0] @ mean + layer.fc1.bias
        logits = layer.fc2.weight[:, :, 0, 0] @ (hidden * hidden.sigmoid()) + layer.fc2.bias
        expected = value * logits.sigmoid()[None, :, None, None]
        assert torch.allclose(layer(value), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("stride", "channels", "adds"), [(1, 8, True), (2, 8, False), (1, 6, False)]
)
def test_a_block_adds_what_it_saw_where_it_fits(stride: int, channels: int, adds: bool) -> None:
    block = Block(Stage(False, 4, stride, channels, 1), 8, stride, shifted=False).eval()
    value = torch.randn(1, 8, 6, 6)
    with torch.no_grad():
        last_norm = block.block[-1][1]
        last_norm.weight.zero_()
        last_norm.bias.zero_()
        result = block(value)
    expected = value if adds else torch.zeros(1, channels, 6 // stride, 6 // stride)
    assert torch.equal(result, expected)
