# SPDX-License-Identifier: GPL-3.0-or-later
"""Another place behind people, where the picture comes with their masks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .picture_bank import PictureBank
from .textures import draw_texture

Image = NDArray[np.uint8]
Float32Array = NDArray[np.float32]


@dataclass(frozen=True)
class BackgroundSettings:
    """share: of crops with a mask whose background is exchanged. drawn_share: of those, how many
    get a drawn one although there are other pictures. softest: largest standard deviation of the
    blur of the edge, pixels of the crop."""

    share: float = 0.3
    drawn_share: float = 0.3
    softest: float = 1.2

    @classmethod
    def off(cls) -> BackgroundSettings:
        """No variation."""
        return cls(share=0.0)


def exchange_background(
    random: Generator,
    image: Image,
    shown: Float32Array,
    settings: BackgroundSettings,
    bank: PictureBank,
) -> Image:
    """A crop [S,S,3] whose people, shown by pixels to the extent [S,S] 0..1, are before something
    else."""
    side = len(image)
    behind = None if random.random() < settings.drawn_share else bank.background(random, side)
    if behind is None:
        behind = draw_texture(random, side, side)
    deviation = random.uniform(0.3, max(settings.softest, 0.3))
    alpha = cv2.GaussianBlur(shown, (0, 0), deviation)[..., None]
    return np.rint(image * alpha + behind * (1 - alpha)).astype(np.uint8)
