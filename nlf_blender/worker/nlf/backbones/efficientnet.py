# SPDX-License-Identifier: GPL-3.0-or-later
"""EfficientNetV2, S and L, the backbones of the official models (Tan and Le, ICML 2021).

Module and parameter names are those of the official files: `0` normalizes, `1` holds the stages.
One thing differs from the published network: where the map is halved for the last time, the
depthwise convolution is padded on the far sides only, so that a cell's centre lies in its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

CHANNELS = 1280
STRIDE = 32
NORM_EPS = 1e-3
SQUEEZE_DIVISOR = 4  # of a block's input channels
SHIFTED_STAGE = 6


@dataclass(frozen=True)
class Stage:
    """Blocks of one width: `fused` ones convolve 3x3 at once, the others depthwise, then squeeze
    and excite. Only the first block has the stride."""

    fused: bool
    expansion: int
    stride: int
    channels: int
    blocks: int


@dataclass(frozen=True)
class Layout:
    """name: as files call it. crop_side: pixels of the crops that the official model sees."""

    name: str
    crop_side: int
    stem_channels: int
    stages: tuple[Stage, ...]


SMALL = Layout(
    "efficientnet_v2_s",
    256,
    24,
    (
        Stage(True, 1, 1, 24, 2),
        Stage(True, 4, 2, 48, 4),
        Stage(True, 4, 2, 64, 4),
        Stage(False, 4, 2, 128, 6),
        Stage(False, 6, 1, 160, 9),
        Stage(False, 6, 2, 256, 15),
    ),
)
LARGE = Layout(
    "efficientnet_v2_l",
    384,
    32,
    (
        Stage(True, 1, 1, 32, 4),
        Stage(True, 4, 2, 64, 7),
        Stage(True, 4, 2, 96, 7),
        Stage(False, 4, 2, 192, 10),
        Stage(False, 6, 1, 224, 19),
        Stage(False, 6, 2, 384, 25),
        Stage(False, 6, 1, 640, 7),
    ),
)
LAYOUTS = {layout.name: layout for layout in (SMALL, LARGE)}


class Normalize(nn.Module):
    """RGB 0..1 to -1..1."""

    def forward(self, images: Tensor) -> Tensor:
        return (images - 0.5) / 0.5


class ShiftedConv2d(nn.Conv2d):
    """A 3x3 convolution that is padded by two pixels right and below."""

    def forward(self, value: Tensor) -> Tensor:
        return super().forward(functional.pad(value, (0, 2, 0, 2)))


def convolution(
    inputs: int,
    outputs: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    shifted: bool = False,
    active: bool = True,
) -> nn.Sequential:
    """Convolution, batch norm and, if `active`, SiLU; the size stays but for the stride."""
    kind = ShiftedConv2d if shifted else nn.Conv2d
    padding = 0 if shifted else kernel // 2
    layers: list[nn.Module] = [
        kind(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=NORM_EPS),
    ]
    if active:
        layers.append(nn.SiLU(inplace=True))
    return nn.Sequential(*layers)


class SqueezeExcitation(nn.Module):
    """Scales every channel by what the means of all channels say."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, value: Tensor) -> Tensor:
        mean = functional.adaptive_avg_pool2d(value, 1)
        return self.fc2(functional.silu(self.fc1(mean))).sigmoid() * value


class Block(nn.Module):
    """An inverted residual block; with a residual where it changes neither size nor width."""

    def __init__(self, stage: Stage, inputs: int, stride: int, shifted: bool) -> None:
        super().__init__()
        self.residual = stride == 1 and inputs == stage.channels
        wide = inputs * stage.expansion
        if stage.fused:
            layers = _fused_layers(stage, inputs, wide, stride)
        else:
            layers = [
                convolution(inputs, wide),
                convolution(wide, wide, 3, stride, groups=wide, shifted=shifted),
                SqueezeExcitation(wide, inputs // SQUEEZE_DIVISOR),
                convolution(wide, stage.channels, active=False),
            ]
        self.block = nn.Sequential(*layers)

    def forward(self, value: Tensor) -> Tensor:
        result = self.block(value)
        return result + value if self.residual else result


def _fused_layers(stage: Stage, inputs: int, wide: int, stride: int) -> list[nn.Module]:
    if stage.expansion == 1:
        return [convolution(inputs, stage.channels, 3, stride)]
    return [
        convolution(inputs, wide, 3, stride),
        convolution(wide, stage.channels, active=False),
    ]


class EfficientNetV2(nn.Sequential):
    """Images [P,3,S,S] RGB 0..1 -> features [P,1280,S/32,S/32]; S is `crop_side`."""

    channels = CHANNELS
    stride = STRIDE

    def __init__(self, layout: Layout) -> None:
        stages: list[nn.Module] = [convolution(3, layout.stem_channels, 3, 2)]
        width = layout.stem_channels
        for number, stage in enumerate(layout.stages, start=1):
            blocks = []
            for index in range(stage.blocks):
                first = index == 0
                shifted = first and number == SHIFTED_STAGE
                blocks.append(Block(stage, width, stage.stride if first else 1, shifted))
                width = stage.channels
            stages.append(nn.Sequential(*blocks))
        stages.append(convolution(width, CHANNELS))
        super().__init__(Normalize(), nn.Sequential(*stages))
        self.name = layout.name
        self.crop_side = layout.crop_side

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.contiguous(memory_format=torch.channels_last))
