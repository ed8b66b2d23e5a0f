# SPDX-License-Identifier: GPL-3.0-or-later
"""A small convolutional backbone for tests and for comparing ways of training on two cores."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from .efficientnet import convolution

WIDTHS = (24, 48, 96, 128)


class TinyBackbone(nn.Sequential):
    """Images [P,3,128,128] RGB 0..1 -> features [P,128,8,8]: four halvings, then two convolutions
    that see further."""

    name = "tiny"
    crop_side = 128
    stride = 16
    channels = WIDTHS[-1]

    def __init__(self) -> None:
        widths = (3, *WIDTHS)
        layers = [convolution(*pair, 3, 2) for pair in itertools.pairwise(widths)]
        layers += [convolution(self.channels, self.channels, 3) for _ in range(2)]
        super().__init__(*layers)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images - 0.5)
