# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenCV's lens models in single precision, with the official wrapper's order of operations.

A crop is the same whatever the precision, to a fraction of a pixel. But a network can make much of
a millionth of a pixel where white meets black, so crops are placed and sampled with the very
roundings of the official wrapper. `camera` has the same models in double precision, and their true
inverses.
"""

from __future__ import annotations

import torch
from torch import Tensor

FISHEYE_COEFFICIENTS = 4
STANDARD_COEFFICIENTS = 12
ROUGH_STEPS = 5


def bend(plane: Tensor, lens: Tensor) -> Tensor:
    """Coordinates [...,2] in the plane at distance 1, as a lens (`Camera.distortion`) bends them;
    a fisheye lens up to 90 degrees from its axis."""
    if not lens.numel():
        return plane
    if lens.numel() == FISHEYE_COEFFICIENTS:
        radius = torch.linalg.vector_norm(plane, dim=-1, keepdim=True)
        angle = torch.atan(radius)
        square = angle * angle
        k1, k2, k3, k4 = lens
        bent = ((((k4 * square + k3) * square + k2) * square + k1) * square + 1) * angle
        return plane * torch.nan_to_num(bent / radius)
    radial, along, across = _terms(plane, lens)
    return plane * (radial + along) + across


def unbend_roughly(plane: Tensor, lens: Tensor) -> Tensor:
    """Five steps towards the inverse of `bend`: of Newton's for a fisheye lens, else of the
    iteration of OpenCV's undistortPoints, which gets near where the lens bends light little and
    anywhere where it bends it much."""
    if not lens.numel():
        return plane
    if lens.numel() == FISHEYE_COEFFICIENTS:
        return _unbend_fisheye(plane, lens)
    guess = plane
    for _ in range(ROUGH_STEPS):
        radial, along, across = _terms(guess, lens)
        guess = (plane - across - guess * along) / radial
    return guess


def _terms(plane: Tensor, lens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The standard model as plane * (radial + along) + across: [...,1], [...,1] and [...,2]."""
    padded = torch.nn.functional.pad(lens, (0, STANDARD_COEFFICIENTS - lens.numel()))
    k1, k2, _, _, k3, k4, k5, k6 = padded[:8]
    tangential = padded[[3, 2]]
    prism, prism_square = padded[8::2], padded[9::2]
    r2 = (plane * plane).sum(dim=-1, keepdim=True)
    radial = (((k3 * r2 + k2) * r2 + k1) * r2 + 1) / (((k6 * r2 + k5) * r2 + k4) * r2 + 1)
    along = 2 * (plane * tangential).sum(dim=-1, keepdim=True)
    return radial, along, (prism_square * r2 + tangential + prism) * r2


def _unbend_fisheye(plane: Tensor, lens: Tensor) -> Tensor:
    k1, k2, k3, k4 = lens
    bent = torch.linalg.vector_norm(plane, dim=-1, keepdim=True)
    angle = bent
    for _ in range(ROUGH_STEPS):
        square = angle * angle
        fourth = square * square
        terms = (k1 * square, k2 * fourth, k3 * (square * fourth), k4 * (fourth * fourth))
        value = angle * (1 + terms[0] + terms[1] + terms[2] + terms[3])
        slope = 1 + 3 * terms[0] + 5 * terms[1] + 7 * terms[2] + 9 * terms[3]
        angle = angle - (value - bent) / slope
    return plane * torch.nan_to_num(torch.tan(angle) / bent)
