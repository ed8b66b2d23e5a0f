# SPDX-License-Identifier: GPL-3.0-or-later
"""How crops are made and varied."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from ...nlf.image_cameras import DEFAULT_FOV_DEGREES
from .background import BackgroundSettings
from .color import ColorSettings
from .geometry import GeometrySettings
from .occlusion import OcclusionSettings
from .picture_bank import BankSettings
from .truncation import TruncationSettings

SIZES = ("smallest", "largest", "closest", "least_close", "most")


@dataclass(frozen=True)
class CropSettings:
    """What a run's crops have in common.

    points: of a person whose body or mesh is known, how many points of it a crop is trained on.
    shared_points: whether all batches have the same points rather than each its own. field_of_view:
    degrees over the larger side, assumed of pictures whose camera is unknown. The others: how crops
    are varied.
    """

    points: int = 640
    shared_points: bool = False
    field_of_view: float = DEFAULT_FOV_DEGREES
    geometry: GeometrySettings = field(default_factory=GeometrySettings)
    truncation: TruncationSettings = field(default_factory=TruncationSettings)
    background: BackgroundSettings = field(default_factory=BackgroundSettings)
    occlusion: OcclusionSettings = field(default_factory=OcclusionSettings)
    color: ColorSettings = field(default_factory=ColorSettings)
    bank: BankSettings = field(default_factory=BankSettings)

    def __post_init__(self) -> None:
        """ValueError for numbers that make no crops."""
        if self.points < 1:
            raise ValueError(f"points must be 1 or more, not {self.points}")
        if not 1 <= self.field_of_view <= 170:
            raise ValueError(f"field_of_view must be 1 to 170 degrees, not {self.field_of_view}")
        for part in (
            self.geometry,
            self.truncation,
            self.background,
            self.occlusion,
            self.color,
            self.bank,
        ):
            _check(part)


def unvaried(points: int = 640, shared_points: bool = False) -> CropSettings:
    """Settings of crops as they are, for validation."""
    return CropSettings(
        points=points,
        shared_points=shared_points,
        geometry=GeometrySettings.off(),
        truncation=TruncationSettings.off(),
        background=BackgroundSettings.off(),
        occlusion=OcclusionSettings.off(),
        color=ColorSettings.off(),
        bank=BankSettings(examples=0),
    )


def _check(part: object) -> None:
    """ValueError for a negative number, a share above 1 or a size of 0."""
    for item in fields(part):  # type: ignore[arg-type]
        value = getattr(part, item.name)
        if isinstance(value, str):
            continue
        is_share = item.name.endswith("share")
        is_size = item.name in SIZES
        if not (0 <= value <= (1 if is_share else math.inf)) or (is_size and value == 0):
            raise ValueError(f"{item.name} of {type(part).__name__} is {value}")
