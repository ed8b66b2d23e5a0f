# SPDX-License-Identifier: GPL-3.0-or-later
"""Another place behind people, where the picture comes with their masks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...nlf.camera import Camera
from ...nlf.crops import CropView
from ...nlf.warping import COARSEST_LEVEL, pyramid_level, sample_places
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
    shown: tuple[Float32Array, NDArray[np.bool_]],
    settings: BackgroundSettings,
    bank: PictureBank,
) -> Image:
    """A crop [S,S,3] with people, `shown` as `crop_mask` gives them, before something else.

    What is beyond the picture stays as it is.
    """
    people, pictured = shown
    side = len(image)
    behind = None if random.random() < settings.drawn_share else bank.background(random, side)
    if behind is None:
        behind = draw_texture(random, side, side)
    deviation = random.uniform(0.3, max(settings.softest, 0.3))
    alpha = cv2.GaussianBlur(people, (0, 0), deviation)[..., None]
    mixed = np.rint(image * alpha + behind * (1 - alpha)).astype(np.uint8)
    return np.where(pictured[..., None], mixed, image)


def crop_mask(
    mask: NDArray[np.bool_], camera: Camera, view: CropView, side: int
) -> tuple[Float32Array, NDArray[np.bool_]]:
    """How far each pixel of a crop shows what a picture's mask [H,W] marks, 0..1 [S,S], and
    whether it shows the picture at all [S,S]."""
    most = min(mask.shape).bit_length() - 1
    level = min(pyramid_level(view.scale, COARSEST_LEVEL), most)
    size = (mask.shape[1] >> level, mask.shape[0] >> level)
    places = sample_places(camera, view, side, 1, level, size)
    whole = np.ascontiguousarray(mask[: size[1] << level, : size[0] << level])
    values = whole.astype(np.float32)
    if level:
        values = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    marked = cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    pictured = ((places > -0.5) & (places < np.array(size) - 0.5)).all(axis=-1)
    return np.where(pictured, marked, np.float32(0)), pictured
