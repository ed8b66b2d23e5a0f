# SPDX-License-Identifier: GPL-3.0-or-later
"""What JPEG takes from a picture, on any device: colour at half size, coefficients rounded."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

_BLOCK = 8
# Quantisation at quality 50, ITU-T T.81 annex K, tables K.1 and K.2.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
_TO_YCBCR = (  # ITU-T T.871
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


def through_jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """Pictures [P,3,H,W], sRGB 0..1, after JPEG of quality [P], 1 to 100."""
    matrix = torch.tensor(_TO_YCBCR, device=images.device)
    height, width = images.shape[-2:]
    right, below = -width % (2 * _BLOCK), -height % (2 * _BLOCK)
    padded = pad(images, (0, right, 0, below), mode="replicate") * 255
    luma, *chroma = torch.einsum("ij,pjhw->iphw", matrix, padded).unbind(0)
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality) / 100
    luma = _quantised(luma - 128, scale, _LUMINANCE) + 128
    small = avg_pool2d(torch.stack(chroma, dim=1), 2)
    small = torch.stack([_quantised(part, scale, _CHROMINANCE) for part in small.unbind(1)], dim=1)
    large = interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    whole = torch.cat([luma[:, None], large], dim=1)
    back = torch.einsum("ij,pjhw->pihw", torch.linalg.inv(matrix), whole)
    return (back[..., :height, :width] / 255).clamp(0, 1)


def _quantised(plane: Tensor, scale: Tensor, table: tuple[tuple[int, ...], ...]) -> Tensor:
    """A plane [P,H,W] after its 8x8 blocks' cosine transforms were rounded."""
    count, height, width = plane.shape
    steps = torch.tensor(table, device=plane.device, dtype=torch.float32)
    steps = (steps * scale[:, None, None] + 0.5).floor().clamp(1, 255)
    blocks = plane.view(count, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).transpose(2, 3)
    waves = _cosines(plane.device)
    steps = steps[:, None, None]
    rounded = (waves @ blocks @ waves.t() / steps).round() * steps
    return (waves.t() @ rounded @ waves).transpose(2, 3).reshape(count, height, width)


def _cosines(device: torch.device) -> Tensor:
    """The orthonormal cosine transform [8,8] of a block's side."""
    place = torch.arange(_BLOCK, device=device) + 0.5
    waves = torch.cos(math.pi / _BLOCK * torch.arange(_BLOCK, device=device)[:, None] * place)
    waves[0] /= math.sqrt(2)
    return waves * math.sqrt(2 / _BLOCK)
