# SPDX-License-Identifier: GPL-3.0-or-later
"""A body's points in a model's space, and how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ....body.arrays import Float64Array


@dataclass(frozen=True, eq=False)
class Placed:
    """points [V+J,3] in the model's space, metres; how they came about; measured figures.
    approximate: the user should be told how."""

    points: Float64Array
    how: str
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    approximate: bool = False
