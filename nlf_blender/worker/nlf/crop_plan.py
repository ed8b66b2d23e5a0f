# SPDX-License-Identifier: GPL-3.0-or-later
"""Which crops are localized: every variation of every person of every image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .augmentation import crop_variations
from .camera import Camera
from .crops import Augmentation, CropSpec, CropView, crop_view
from .model import CropStyle
from .warping import (
    COARSEST_LEVEL,
    OFFICIAL_COARSEST_LEVEL,
    Float32Array,
    WarpStyle,
    warp_crop,
)


@dataclass(frozen=True)
class CropOptions:
    """antialias_factor: samples per crop pixel along each axis, 1 to 8. largest_roll_degrees: how
    far variations are turned at most, the model's own habit if None. pad_white: whether white
    rather than black is seen beyond the image."""

    antialias_factor: int = 1
    largest_roll_degrees: float | None = None
    pad_white: bool = False


@dataclass(frozen=True)
class PlannedCrop:
    """One variation of one person, yet to be localized."""

    image: NDArray[np.uint8]
    camera: Camera
    view: CropView
    augmentation: Augmentation
    style: WarpStyle

    def pixels(self, crop_side: int) -> Float32Array:
        """The crop [3,S,S], RGB 0..1."""
        gamma = self.augmentation.gamma
        return warp_crop(self.image, self.camera, self.view, crop_side, self.style, gamma)


def plan_crops(
    images: Sequence[NDArray[np.uint8]],
    people: Sequence[Sequence[CropSpec]],
    cameras: Sequence[Camera],
    crop_side: int,
    style: CropStyle,
    num_aug: int,
    options: CropOptions,
) -> list[PlannedCrop]:
    """All crops, the `num_aug` variations of a person one after the other.

    images: RGB bytes [H,W,3], else ValueError. Crops of models in the official style, which see
    people as upright as the world is, equal those of the official wrapper.
    """
    roll = options.largest_roll_degrees
    largest_roll = None if roll is None else math.radians(roll)
    variations = crop_variations(num_aug, style.gamma_range, style.aligned, largest_roll)
    warped = warp_style(style, options)
    crops: list[PlannedCrop] = []
    for image, specs, camera in zip(images, people, cameras, strict=True):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"not an RGB image of bytes: {image.dtype} {image.shape}")
        for spec in specs:
            placed = spec if style.aligned else replace(spec, roll=0.0)
            for variation in variations:
                view = crop_view(camera, placed, crop_side, variation)
                crops.append(PlannedCrop(image, camera, view, variation, warped))
    return crops


def warp_style(style: CropStyle, options: CropOptions) -> WarpStyle:
    """How the pixels of a model's crops are made."""
    return WarpStyle(
        linear_light=style.linear_light,
        coarsest_level=COARSEST_LEVEL if style.aligned else OFFICIAL_COARSEST_LEVEL,
        antialias_factor=options.antialias_factor,
        white_outside=options.pad_white,
    )
