# SPDX-License-Identifier: GPL-3.0-or-later
"""All that decides what the batches of a run are, as plain settings for worker processes."""

from __future__ import annotations

from dataclasses import dataclass

from .settings import CropSettings
from .sources import BodiesSettings, SourceSettings


@dataclass(frozen=True)
class CropPlan:
    """side: of a crop, pixels. aligned: whether the model wants hips to head upward. crops: of a
    batch. listed: whether every person of the source comes in turn, rather than by chance. Batch k
    of a plan is always the same, to the byte."""

    source: SourceSettings
    bodies: BodiesSettings
    settings: CropSettings
    side: int
    aligned: bool
    crops: int
    seed: int = 0
    listed: bool = False

    def __post_init__(self) -> None:
        """ValueError for numbers that make no batches."""
        if min(self.crops, self.side) < 1 or self.seed < 0:
            raise ValueError(
                f"crops ({self.crops}) and side ({self.side}) must be 1 or more, and the seed "
                f"({self.seed}) not negative"
            )
