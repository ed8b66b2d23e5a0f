# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in its picture a crop comes from, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...nlf.camera import Camera
from ...nlf.crops import CropView
from ...nlf.warping import WarpStyle, crop_places, warp_places

Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Footprint:
    """places [S,S,2]: where each pixel of a crop is in the picture after this was halved `level`
    times to `size` (width, height)."""

    places: Float32Array
    level: int
    size: tuple[int, int]
    style: WarpStyle

    @classmethod
    def of(
        cls, size: tuple[int, int], camera: Camera, view: CropView, side: int, style: WarpStyle
    ) -> Footprint:
        """The footprint of a crop of a picture of this width and height."""
        places, level = crop_places(size, camera, view, side, style)
        return cls(places, level, (size[0] >> level, size[1] >> level), style)

    def pixels(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The crop [S,S,3] of the picture [H,W,3], as inference cuts it."""
        planes = warp_places(picture, self.places, self.level, self.style)
        return np.ascontiguousarray(np.rint(planes * 255).astype(np.uint8).transpose(1, 2, 0))

    def dark(self) -> BoolArray | None:
        """Which pixels [S,S] see nothing of the picture; None if all see some of it."""
        x, y = cv2.split(self.places)  # apart they are compared several times faster
        dark = (x <= -1) | (x >= self.size[0]) | (y <= -1) | (y >= self.size[1])
        return dark if dark.any() else None

    def shown(self, mask: BoolArray) -> Float32Array:
        """How far each pixel shows what a mask of the picture [H,W] marks, 0..1 [S,S]."""
        columns, rows = (length << self.level for length in self.size)
        values = np.ascontiguousarray(mask[:rows, :columns]).astype(np.float32)
        if self.level:
            values = cv2.resize(values, self.size, interpolation=cv2.INTER_AREA)
        return cv2.remap(values, self.places, None, cv2.INTER_LINEAR)
