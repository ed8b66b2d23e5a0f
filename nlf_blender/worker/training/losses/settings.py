# SPDX-License-Identifier: GPL-3.0-or-later
"""What training lowers, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LossKind = Literal["euclidean", "nll", "beta_nll"]


@dataclass(frozen=True)
class LossSettings:
    """kind: of the errors of points (see `likelihood`). beta: of `beta_nll`; 0 is `nll`, at 0.5 the
    gradient on positions is that of the plain error.

    Weights of the terms: relative_3d, points about their mean; pixels_2d, pixels of the 2.5D
    heatmap; absolute_3d, placed points, by their distance; weak_2d, the pixels of placed points
    whose place in the camera is not known. The last two begin when `absolute_from` of the steps
    are done.
    """

    kind: LossKind = "beta_nll"
    beta: float = 0.5
    relative_3d: float = 1.0
    pixels_2d: float = 1.0
    absolute_3d: float = 0.1
    weak_2d: float = 0.5
    absolute_from: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 1 or not 0 <= self.absolute_from <= 1:
            raise ValueError("beta and absolute_from are from 0 to 1")
        weights = (self.relative_3d, self.pixels_2d, self.absolute_3d, self.weak_2d)
        if min(weights) < 0:
            raise ValueError("weights are 0 or more")
