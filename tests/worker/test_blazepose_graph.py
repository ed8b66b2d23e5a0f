# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer runner by hand-made networks, and the ported networks against the originals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.backbones.blazepose import BlazePoseBackbone, BlazePoseEncoder
from nlf_blender.worker.nlf.backbones.graph import GraphDescription, GraphNet, Layer

ASSETS = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets"
# Every n-th output of the original TFLite files on `smooth_pattern`, by ai-edge-litert 2.3.0.
LANDMARKS = [133.160919, -80.870125, 0.600658, 116.092682, -4.856314, 116.981133, 0.945621]
WORLD = [0.0210872, -0.3687953, -0.2726577, 0.1020478, 0.2054466, 0.5136132, -2.5912819]
PERSON_SCORE = 0.99985343
BOXES = [-7.407538, 2.560981, -88.254005, 2.982595, -17.779917, -45.606068]
SCORES = [-79.000595, -2.987405, -49.084049, -5.137412, -73.505081, -89.431160, -28.567919]


def smooth_pattern(side: int) -> torch.Tensor:
    """A fixed picture [1,3,side,side] in 0..1."""
    y, x = np.mgrid[:side, :side] / side
    disc = ((x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.06) * 0.8 + 0.1
    waves = [0.5 + 0.5 * np.sin(7 * x + 3 * y), 0.5 + 0.5 * np.cos(5 * x * y + y), disc]
    return torch.from_numpy(np.stack(waves).astype(np.float32))[None]


def every(values: torch.Tensor, count: int) -> list[float]:
    flat = values.reshape(-1)
    return flat[:: max(1, len(flat) // 6)][:count].tolist()


def single(kind: str, inputs: int, **settings: object) -> GraphDescription:
    names = tuple(["image"] * inputs)
    return GraphDescription("image", (Layer(kind, names, "out", settings),), {"out": "out"})


@pytest.fixture(scope="module")
def encoder() -> BlazePoseEncoder:
    return BlazePoseEncoder.from_assets()


def test_same_padding_puts_the_odd_pixel_right_and_below() -> None:
    description = single(
        "conv", 1, weight="w", bias="b", stride=2, groups=1, same=True, activation="relu6"
    )
    weight = torch.zeros(1, 1, 3, 3)
    weight[0, 0, 0, 0] = 1.0
    net = GraphNet(description, {"w": weight, "b": torch.zeros(1)})
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    out = net(image, ["out"])["out"]
    assert out.flatten().tolist() == [0.0, 2.0, 6.0, 6.0]  # 8 and 10 are clipped at 6


def test_depth_to_space_keeps_block_order() -> None:
    image = torch.arange(4.0).reshape(1, 4, 1, 1)
    out = GraphNet(single("depth_to_space", 1), {})(image, ["out"])["out"]
    assert out.tolist() == [[[[0.0, 1.0], [2.0, 3.0]]]]


def test_flatten_puts_channels_last() -> None:
    image = torch.arange(8.0).reshape(1, 2, 2, 2)
    out = GraphNet(single("flatten", 1, shape=[4, 2]), {})(image, ["out"])["out"]
    assert torch.equal(out[0], image[0].permute(1, 2, 0).reshape(4, 2))


def test_channel_padding_and_resize() -> None:
    image = torch.rand(1, 2, 4, 4)
    padded = GraphNet(single("pad", 1, amounts=[[1, 0], [0, 2], [0, 3]]), {})(image, ["out"])
    assert torch.equal(padded["out"], functional.pad(image, (0, 2, 1, 0, 0, 3)))
    grown = GraphNet(single("resize", 1, size=[8, 8]), {})(image, ["out"])["out"]
    assert grown[0, 0, 0, 0] == image[0, 0, 0, 0]


def test_unneeded_layers_are_left_out() -> None:
    layers = (Layer("sigmoid", ("image",), "a"), Layer("sigmoid", ("a",), "b"))
    description = GraphDescription("image", layers, {"first": "a", "second": "b"})
    assert description.needed_for(["first"]) == layers[:1]
    assert GraphDescription.from_json(description.to_json()) == description


def test_missing_and_foreign_files_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        GraphNet.from_file(tmp_path / "none.safetensors")
    with pytest.raises(UserError):
        GraphNet.from_file(ASSETS / "default_model.safetensors")


def test_landmark_network_equals_the_original(encoder: BlazePoseEncoder) -> None:
    output = encoder(smooth_pattern(256), names=())
    assert every(output.landmarks, 7) == pytest.approx(LANDMARKS, abs=0.01)
    assert every(output.world, 7) == pytest.approx(WORLD, abs=1e-4)
    assert float(output.score) == pytest.approx(PERSON_SCORE, abs=1e-4)


def test_detector_equals_the_original() -> None:
    net = GraphNet.from_file(ASSETS / "person_detector.safetensors")
    values = net(smooth_pattern(224) * 2 - 1, ["boxes", "scores"])
    assert every(values["boxes"], 6) == pytest.approx(BOXES, abs=0.01)
    assert every(values["scores"], 7) == pytest.approx(SCORES, abs=0.01)


def test_batches_do_not_change_the_result(encoder: BlazePoseEncoder) -> None:
    backbone = BlazePoseBackbone(encoder).eval()
    images = torch.cat([smooth_pattern(256), smooth_pattern(256).flip(-1)])
    with torch.no_grad():
        together = backbone(images)
        alone = torch.cat([backbone(image[None]) for image in images])
    assert together.shape == (2, backbone.channels, 8, 8)
    assert torch.allclose(together, alone, atol=2e-3)


def test_only_the_neck_is_state(encoder: BlazePoseEncoder) -> None:
    names = BlazePoseBackbone(encoder).state_dict()
    assert names and all(name.startswith("neck.") for name in names)
