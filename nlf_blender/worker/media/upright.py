# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoded video frames as upright 8-bit sRGB with square pixels, whatever they were stored as."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, ColorTrc
from numpy.typing import NDArray

from .hdr import to_sdr
from .photo import BACKDROP

SMALLEST_HD_HEIGHT = 720  # untagged video of this height or more is BT.709, less is BT.601
UNTAGGED = 2  # "unspecified" in ITU-T H.273's table of matrix coefficients
DISPLAY_MATRIX_ONE = 1 << 16
BT709, BT601 = 1, 5  # in the same table
HDR_CURVES = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}


@dataclass(frozen=True)
class Turn:
    """How a picture is brought upright: transposed, then its columns or rows reversed."""

    transposed: bool = False
    columns: bool = False
    rows: bool = False

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> Turn:
        """The turn that the frame's display matrix asks for, to the nearest right angle. The
        matrix (ISO/IEC 14496-12, 6.2.2) takes (x, y) to (a x + c y, b x + d y), y down."""
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        values = np.frombuffer(bytes(data), dtype=np.int32).reshape(3, 3) / DISPLAY_MATRIX_ONE
        (a, b), (c, d) = values[0, :2], values[1, :2]
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, bool(a < 0), bool(d < 0))
        return cls(True, bool(c < 0), bool(b < 0))

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture [H,W,3] upright."""
        picture = picture.transpose(1, 0, 2) if self.transposed else picture
        picture = picture[:, ::-1] if self.columns else picture
        picture = picture[::-1] if self.rows else picture
        return np.ascontiguousarray(picture)


class Upright:
    """Makes upright pictures of frames like the one that it was made for.

    stored: pixels of a frame in the file (width, height); size: of a picture (width, height).
    """

    def __init__(self, frame: av.VideoFrame, pixel_aspect: Fraction | None) -> None:
        """pixel_aspect: a stored pixel's width over its height, None if it is square."""
        self.stored = (frame.width, frame.height)
        square = round(frame.width * float(pixel_aspect or 1))
        self._scaled = (max(square, 1), frame.height)
        self._turn = Turn.of_frame(frame)
        self.size = self._scaled[::-1] if self._turn.transposed else self._scaled

    @property
    def is_turned(self) -> bool:
        """Whether the file asks for it to be rotated or mirrored."""
        return self._turn != Turn()

    @property
    def is_scaled(self) -> bool:
        """Whether stored pixels are not square."""
        return self._scaled != self.stored

    def picture(
        self, frame: av.VideoFrame, tagged: av.VideoFrame | None = None
    ) -> NDArray[np.uint8]:
        """uint8 [H,W,3]. tagged: the frame whose colour tags hold, where a filter lost them."""
        tags = tagged or frame
        hdr = hdr_name(tags)
        kind = "rgb48le" if hdr else "rgba" if _has_alpha(frame) else "rgb24"
        is_rgb = frame.format.is_rgb or frame.format.has_palette
        width, height = self._scaled
        rgb = frame.reformat(
            width=width,
            height=height,
            format=kind,
            src_colorspace=None if is_rgb else _matrix(tags),
            src_color_range=None if is_rgb else _range(tags),
        ).to_ndarray()
        if hdr:
            rgb = to_sdr(rgb, hdr)
        elif kind == "rgba":
            rgb = _over_backdrop(rgb)
        return self._turn.apply(rgb)


def hdr_name(frame: av.VideoFrame) -> str:
    """The curve of high dynamic range that a frame is in, "PQ" or "HLG"; "" if it is in none."""
    return HDR_CURVES.get(frame.color_trc, "")


def _matrix(frame: av.VideoFrame) -> int:
    """The frame's luma coefficients, or those that players take where it does not say."""
    if frame.colorspace == UNTAGGED:
        return BT709 if frame.height >= SMALLEST_HD_HEIGHT else BT601
    return frame.colorspace


def _range(frame: av.VideoFrame) -> int:
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    return ColorRange.JPEG if full else ColorRange.MPEG


def _has_alpha(frame: av.VideoFrame) -> bool:
    return frame.format.has_palette or any(part.is_alpha for part in frame.format.components)


def _over_backdrop(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = rgba[..., 3:].astype(np.uint16)
    if alpha.min(initial=255) == 255:
        return np.ascontiguousarray(rgba[..., :3])
    backdrop = np.array(BACKDROP, dtype=np.uint16)
    return ((rgba[..., :3] * alpha + backdrop * (255 - alpha) + 127) // 255).astype(np.uint8)
