# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model in training says about a batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from ...nlf.head import HeadOutput


@dataclass(frozen=True)
class Localization:
    """points: P crops, N points each. crop_side, stride: pixels of the crops and of a cell. extra:
    auxiliary losses by name, scalars to be added to the others."""

    points: HeadOutput
    crop_side: int
    stride: int
    extra: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
